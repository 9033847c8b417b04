"""One refused session proves nothing of what an earlier one has begun."""

from __future__ import annotations

from tests.e2e.controller.process import ControllerProcess
from tests.e2e.controller.site import Site
from tests.e2e.faults.cases import scenario
from tests.e2e.support import counted
from tests.hosts import Host

RECORD = "capra.infrastructure.cluster.x-k8s.io/record"
KEYS = "/etc/ssh/authorized_keys"


@scenario("key refused in the middle")
def key_refused_in_the_middle(site: Site, host: Host, controller: ControllerProcess) -> None:
    """The host follows a run in slices of ten seconds: the second one is refused."""
    locked = f"cp {KEYS} /root/keys && : > {KEYS}; until test -e /var/tmp/go; do sleep 0.2; done; cp /root/keys {KEYS}"
    site.keys([host])
    site.cluster()
    site.data(commands=[counted("a"), counted("b"), counted("c", locked), counted("d", "sleep 3"), counted("e")])
    site.entry(host, cleanUpCommands=[counted("clean")])
    site.machine("m", {"pool": "p"})
    site.waits("m", "WrongCredentials")
    raw = site.get("RemoteMachine", "m")
    assert '"phase":"Bootstrapping"' in raw["metadata"]["annotations"][RECORD]
    site.delete("Machine", "m")
    site.waits("m", "WrongCredentials")
    host.path("/var/tmp/go").touch()

    def gone() -> bool:
        raw = site.get("RemoteMachine", "m")
        phase = "" if raw is None else raw["metadata"]["annotations"][RECORD]
        assert '"phase":"New"' not in phase
        assert '"phase"' in phase or raw is None, "a record without a phase says New"
        cleaned = host.path("/var/tmp/count.clean").exists()
        assert cleaned or site.states()[host.name] != "Available", "the entry is free before its host was cleaned"
        return raw is None

    site.until("the RemoteMachine is gone", gone)
    site.all_available()
    assert host.path("/var/tmp/count.clean").read_text() == "ran\n"
