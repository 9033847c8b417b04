"""Host keys: the first contact pins, a change stops everything, and what one has to do is said."""

from __future__ import annotations

import subprocess
from pathlib import Path

from tests.e2e.support import Capra, cloud_config, count, counted, key_secret, machine
from tests.hosts import Host


def _fingerprint(key: str) -> str:
    done = subprocess.run(["ssh-keygen", "-lf", "-"], input=key, capture_output=True, text=True, check=True)
    return done.stdout.split()[1]


def test_first_contact_pins_and_a_changed_key_is_refused(host: Host, capra: Capra) -> None:
    manifest = capra.manifests(machine(host), key_secret(host))
    data = capra.data(cloud_config(commands=[counted("once")]))
    capra.json("bootstrap", "-f", manifest, "--bootstrap-data", data)
    known = capra.state / "known_hosts"
    assert host.host_key.split()[1] in known.read_text()

    other = capra.directory / "other"
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", other], check=True)
    known.write_text(known.read_text().replace(host.host_key.split()[1], Path(f"{other}.pub").read_text().split()[1]))
    done = capra.run("cleanup", "-f", manifest, code=1)

    said = " ".join((done.stdout + done.stderr).split())
    new = _fingerprint(host.host_key)
    assert new in said
    assert _fingerprint(Path(f"{other}.pub").read_text()) in said
    assert "capra trust" in said
    assert host.ssh("ls /var/lib/capra").stdout.strip() != ""  # nothing was run

    capra.run("trust", f"{host.address}:{host.port}", new)
    [report] = capra.json("cleanup", "-f", manifest)
    assert report["outcome"] == "Finished"


def test_trust_refuses_a_fingerprint_that_the_host_does_not_show(host: Host, capra: Capra) -> None:
    done = capra.run("trust", f"{host.address}:{host.port}", "SHA256:" + "A" * 43, code=1)

    assert _fingerprint(host.host_key) in done.stdout + done.stderr
    assert not (capra.state / "known_hosts").exists() or host.address not in (capra.state / "known_hosts").read_text()


def test_a_key_pinned_in_the_manifest_counts(host: Host, capra: Capra) -> None:
    other = capra.directory / "other"
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", other], check=True)
    wrong = " ".join(Path(f"{other}.pub").read_text().split()[:2])
    data = capra.data(cloud_config(commands=[counted("once")]))

    manifest = capra.manifests(machine(host, hostKeys=[wrong]), key_secret(host))
    capra.run("bootstrap", "-f", manifest, "--bootstrap-data", data, code=1)
    assert count(host, "once") == 0

    right = " ".join(host.host_key.split()[:2])
    manifest = capra.manifests(machine(host, hostKeys=[right]), key_secret(host))
    capra.json("bootstrap", "-f", manifest, "--bootstrap-data", data)
    assert count(host, "once") == 1


def test_unreachable_wrong_key_and_refused_sudo_are_told_apart(host: Host, capra: Capra) -> None:
    data = capra.data(cloud_config(commands=[counted("once")]))

    manifest = capra.manifests(machine(host, port=1), key_secret(host))
    [report] = capra.json("bootstrap", "-f", manifest, "--bootstrap-data", data, code=3)
    assert report["outcome"] == "Unreachable"

    other = capra.directory / "stranger"
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", other], check=True)
    document = machine(host)
    del document["spec"]["sshKeyRef"]
    manifest = capra.manifests(document)
    arguments = ("bootstrap", "-f", manifest, "--bootstrap-data", data, "--ssh-key", other)
    [report] = capra.json(*arguments, code=1)
    assert report["outcome"] == "WrongCredentials"

    manifest = capra.manifests(machine(host, user="nosudo"), key_secret(host))
    [report] = capra.json("bootstrap", "-f", manifest, "--bootstrap-data", data, code=1)
    assert report["outcome"] == "BecomeRefused"
    assert count(host, "once") == 0
