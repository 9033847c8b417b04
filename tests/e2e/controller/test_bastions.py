"""Hosts behind bastions in a cluster: what is remembered, held and told, and that no key is left on the way."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from capra.kube.client.resources import BASTION_HOST_KEYS, HOST_KEYS, SSH_KEY_FINALIZER
from tests.e2e.bastions import Chain, chain_of, counted_on
from tests.e2e.controller.process import ControllerProcess
from tests.e2e.controller.site import Site, address, condition
from tests.e2e.support import counted


@pytest.fixture(scope="module")
def chain(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Chain]:
    with chain_of(tmp_path_factory.mktemp("chain")) as made:
        yield made


def test_an_entry_behind_two_bastions(site: Site, controller: ControllerProcess, chain: Chain) -> None:
    site.keys([chain.inner])
    site.secret("outer-key", {"value": chain.key.read_bytes()})
    site.data(commands=[counted("cluster")])
    site.cluster()
    site.entry(chain.inner, bastion=chain.two, cleanUpCommands=[counted("clean")])
    site.machine("m", {"pool": "p"})
    site.provisioned("m")
    assert counted_on(chain.inner, "cluster") == 1
    raw = site.get("RemoteMachine", "m")
    annotations = raw["metadata"]["annotations"]
    assert annotations[HOST_KEYS] == chain.inner.host_key
    hops = [f"{host.address} {host.host_key}" for host in (chain.middle, chain.outer)]
    assert annotations[BASTION_HOST_KEYS].splitlines() == hops
    given = raw["spec"]["bastion"]
    assert (given["address"], given["bastion"]["address"]) == (chain.middle.address, chain.outer.address)
    assert given["bastion"]["sshKeyRef"] == {"name": "outer-key"}
    # Both keys are needed to clean the host, and stay until then.
    for name in ("key", "outer-key"):
        assert SSH_KEY_FINALIZER in site.get("Secret", name)["metadata"]["finalizers"]
    site.delete("Secret", "outer-key")
    site.delete("Machine", "m")
    site.gone("Machine", "m")
    site.all_available()
    assert counted_on(chain.inner, "clean") == 1
    entry = site.get("PooledRemoteMachine", chain.inner.name)
    assert entry["metadata"]["annotations"][BASTION_HOST_KEYS].splitlines() == hops
    _keeps_secrets(site, controller, chain)


def _keeps_secrets(site: Site, controller: ControllerProcess, chain: Chain) -> None:
    """Neither key stands anywhere but in its Secret."""
    seen = site.plane.kubectl("get", "remotemachines,machines,events,clusters", "-n", site.namespace, "-o", "yaml")
    seen += controller.log.read_text()
    seen += "".join(path.read_text(errors="replace") for path in controller.private.rglob("*") if path.is_file())
    for file in (chain.key, Path(chain.inner.key_file)):
        assert "".join(file.read_text().splitlines()[1:3])[:60] not in seen.replace("\n", "")
    assert chain.left_on_bastions() == []


def test_what_is_wrong_with_a_bastion_is_told(site: Site, controller: ControllerProcess, chain: Chain) -> None:
    site.keys([chain.inner])
    site.data(commands=[counted("wrong")])
    site.cluster()
    spec: dict[str, Any] = address(chain.inner) | {"bastion": chain.two}
    site.machine("m", spec)
    raw = site.waits("m", "SSHKeyNotFound")
    told = condition(raw, "Ready")["message"]
    assert told.startswith("spec.bastion.bastion.sshKeyRef.name Secret outer-key with key 'value' was not found")

    site.secret("outer-key", {"value": Path(chain.inner.key_file).read_bytes()})
    told = condition(site.waits("m", "WrongCredentials"), "SSHReachable")["message"]
    assert told.startswith(f"the bastion {chain.outer.address}:22 does not accept the SSH key SHA256:")

    right = {"data": {"value": base64.b64encode(chain.key.read_bytes()).decode()}}
    site.patch("Secret", "outer-key", right)
    other = f"{chain.outer.address} {chain.inner.host_key}"
    site.annotate("RemoteMachine", "m", **{BASTION_HOST_KEYS: other})
    told = condition(site.waits("m", "HostKeyChanged"), "Ready")["message"]
    assert told.startswith(f"the host key of the bastion {chain.outer.address}:22 has changed")
    assert f"kubectl annotate remotemachine m --namespace {site.namespace} {BASTION_HOST_KEYS}-" in told
    assert counted_on(chain.inner, "wrong") == 0

    site.annotate("RemoteMachine", "m", **{BASTION_HOST_KEYS: None})
    site.provisioned("m")
    assert counted_on(chain.inner, "wrong") == 1
