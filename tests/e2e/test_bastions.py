"""Hosts behind one and two bastions, from a terminal: what gets there, what is remembered, and who is blamed."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.bastions import Chain, chain_of, counted_on
from tests.e2e.support import Capra, cloud_config, counted, key_secret, machine
from tests.hosts import Host


@pytest.fixture(scope="module")
def chain(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Chain]:
    with chain_of(tmp_path_factory.mktemp("chain")) as made:
        yield made


def test_a_host_behind_two_bastions(chain: Chain, capra: Capra) -> None:
    data = capra.data(cloud_config(commands=[counted("two")]))
    documents = (machine(chain.inner, bastion=chain.two), key_secret(chain.inner), chain.secret())
    manifest = capra.manifests(*documents)
    before = [host.exec_requests() for host in (chain.outer, chain.middle)]

    [report] = capra.json("bootstrap", "-f", manifest, "--bootstrap-data", data)

    assert (report["outcome"], counted_on(chain.inner, "two")) == ("Finished", 1)
    pinned = (capra.state / "known_hosts").read_text().splitlines()
    assert sorted(pinned) == sorted(
        f"{host.address} {host.host_key}" for host in (chain.outer, chain.middle, chain.inner)
    )
    [report] = capra.json("cleanup", "-f", manifest)
    assert report["outcome"] == "Finished"
    assert [host.exec_requests() for host in (chain.outer, chain.middle)] == before
    assert chain.left_on_bastions() == []
    assert [path for path in capra.directory.rglob("*") if path.is_file() and _is_private(path, chain)] == []


def _is_private(path: Path, chain: Chain) -> bool:
    """Other than the files that the test itself has written."""
    key = "".join(chain.key.read_text().splitlines()[1:3])
    return path.suffix != ".yaml" and key in path.read_text(errors="replace").replace("\n", "")


def test_a_host_behind_one_bastion_and_no_way_around_it(chain: Chain, capra: Capra) -> None:
    data = capra.data(cloud_config(commands=[counted("one")]))
    bastion = chain.bastion(chain.outer, hostKeys=[chain.outer.host_key])
    manifest = capra.manifests(machine(chain.middle, bastion=bastion), key_secret(chain.middle), chain.secret())
    # What a person's own configuration says of the host and of the bastion does not count.
    capra.ssh_configuration = "Host *\n  ProxyCommand false\n  User nobody\n  Port 1\n"

    [report] = capra.json("bootstrap", "-f", manifest, "--bootstrap-data", data)
    assert (report["outcome"], counted_on(chain.middle, "one")) == ("Finished", 1)
    assert chain.outer.address not in (capra.state / "known_hosts").read_text()  # pinned by the manifest alone

    capra.ssh_configuration = ""
    direct = capra.manifests(machine(chain.middle), key_secret(chain.middle), name="direct.yaml")
    [report] = capra.json("preflight", "-f", direct, code=3)
    assert report["outcome"] == "Unreachable"


def _blamed(capra: Capra, chain: Chain, bastion: dict[str, Any], code: int = 1, **spec: Any) -> tuple[str, str]:
    manifest = capra.manifests(
        machine(chain.inner, bastion=bastion, **spec), key_secret(chain.inner), chain.secret(), name="blamed.yaml"
    )
    [report] = capra.json("preflight", "-f", manifest, code=code)
    return report["outcome"], report["message"]


def test_who_is_in_the_way_is_named(chain: Chain, capra: Capra) -> None:
    outer, middle = chain.outer.address, chain.middle.address
    closed = chain.bastion(chain.middle, bastion=chain.bastion(chain.outer, port=1))
    outcome, message = _blamed(capra, chain, closed, code=3)
    assert (outcome, message.startswith(f"the bastion {outer}:1 cannot be reached")) == ("Unreachable", True), message
    assert "Connection refused" in message
    assert "spec.bastion.bastion.port (1)" in message

    without_key = chain.bastion(chain.middle, bastion={"address": outer})
    outcome, message = _blamed(capra, chain, without_key)
    said = message.startswith(f"the bastion {outer}:22 does not accept the SSH key SHA256:")
    assert (outcome, said) == ("WrongCredentials", True), message
    assert "spec.bastion.bastion.sshKeyRef" in message

    behind = chain.bastion(chain.middle, port=1, bastion=chain.bastion(chain.outer))
    outcome, message = _blamed(capra, chain, behind, code=3)
    said = message.startswith(f"the bastion {middle}:1 cannot be reached from {outer}:22: Connection refused")
    assert (outcome, said) == ("Unreachable", True), message
    assert "spec.bastion.port (1)" in message

    outcome, message = _blamed(capra, chain, chain.two, code=3, port=1)
    said = message.startswith(f"{chain.inner.address}:1 cannot be reached from {middle}:22: Connection refused")
    assert (outcome, said) == ("Unreachable", True), message

    outcome, message = _blamed(capra, chain, chain.two, user="nobody")
    assert (outcome, "bastion" in message) == ("LoginFailed", False), message


def test_a_bastion_that_passes_nothing_on(chain: Chain, capra: Capra) -> None:
    _sshd(chain.middle, "AllowTcpForwarding no")
    try:
        outcome, message = _blamed(capra, chain, chain.two)
    finally:
        _sshd(chain.middle, "")
    said = f"the bastion {chain.middle.address}:22 does not pass connections on to {chain.inner.address}:22"
    assert (outcome, message.startswith(said)) == ("LoginFailed", True), message
    assert "AllowTcpForwarding" in message


def _sshd(host: Host, line: str) -> None:
    """A line of the host's configuration; sshd reads it for each connection anew after this."""
    host.path("/etc/ssh/sshd_config.d/50-test.conf").write_text(f"{line}\n")
    subprocess.run(
        ["nsenter", "-t", str(host.leader()), "-a", "systemctl", "reload-or-restart", "ssh"],
        check=True,
        capture_output=True,
    )


def test_a_bastion_with_another_key(chain: Chain, capra: Capra) -> None:
    assert _blamed(capra, chain, chain.two, code=0)[0] == "Finished"
    other = capra.directory / "other"
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", other], check=True)
    wrong = " ".join(Path(f"{other}.pub").read_text().split()[:2])
    known = capra.state / "known_hosts"
    kept = known.read_text()
    known.write_text(kept.replace(chain.outer.host_key, wrong))
    before = len(chain.middle.sshd_log.read_text())

    outcome, message = _blamed(capra, chain, chain.two)

    said = message.startswith(f"the host key of the bastion {chain.outer.address}:22 has changed")
    assert (outcome, said) == ("HostKeyChanged", True), message
    assert f"capra trust {chain.outer.address}:22 SHA256:" in message
    assert len(chain.middle.sshd_log.read_text()) == before
    pinned = chain.bastion(chain.middle, hostKeys=[wrong], bastion=chain.bastion(chain.outer))
    known.write_text(kept)
    outcome, message = _blamed(capra, chain, pinned)
    assert outcome == "HostKeyChanged"
    assert "put it in spec.bastion.hostKeys" in message


def test_a_chain_that_is_too_long_contacts_nobody(chain: Chain, capra: Capra) -> None:
    long = chain.bastion(chain.middle, bastion=chain.bastion(chain.middle, bastion=chain.two))
    manifest = capra.manifests(machine(chain.inner, bastion=long), key_secret(chain.inner), chain.secret())
    done = capra.run("preflight", "-f", manifest, code=2)
    assert "spec.bastion: is a chain of 4 bastions; at most 3 may lead to a host" in done.stderr
