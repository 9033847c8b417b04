"""A dead host of a pool holds nobody up while others are free."""

from __future__ import annotations

from tests.e2e.controller.process import ControllerProcess
from tests.e2e.controller.site import Site
from tests.e2e.faults.cases import scenario
from tests.hosts import Host, network, state


@scenario("dead host first in the pool")
def dead_host_first(site: Site, host: Host, controller: ControllerProcess) -> None:
    site.keys([host])
    site.cluster()
    site.data()
    nobody = host.address.rpartition(".")[0] + ".250"
    group = state.load(host.state_dir)
    assert group is not None
    network.silence(group.id, nobody)
    site.entry(host, name="a-dead", address=nobody)
    site.entry(host, name="b-alive")
    site.machine("m", {"pool": "p"})
    site.provisioned("m", 90)
    assert site.get("RemoteMachine", "m")["spec"]["address"] == host.address
    site.until("the entries tell", lambda: site.states() == {"a-dead": "Unavailable", "b-alive": "Reserved"})
    told = site.get("PooledRemoteMachine", "a-dead")["status"]["message"]
    assert "Unreachable since 20" in told
    assert nobody in told
    site.until("its event is there", lambda: "HostGivenBack" in site.events("m"))
