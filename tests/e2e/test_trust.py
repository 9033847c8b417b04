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


def test_a_fingerprint_in_the_manifest_counts(host: Host, capra: Capra) -> None:
    wrong, right = "SHA256:" + "A" * 43, _fingerprint(host.host_key)
    manifest = capra.manifests(machine(host, hostKeys=[wrong]), key_secret(host))
    [report] = capra.json("preflight", "-f", manifest, "--host-key-policy", "strict", code=1)
    assert report["outcome"] == "HostKeyChanged"
    assert f"known as {wrong} and now shows {right}" in report["message"]

    manifest = capra.manifests(machine(host, hostKeys=[wrong, right]), key_secret(host))
    [report] = capra.json("preflight", "-f", manifest, "--host-key-policy", "strict")
    assert report["outcome"] == "Finished"
    assert not (capra.state / "known_hosts").exists()


def test_an_authority_in_the_manifest_counts(host: Host, capra: Capra) -> None:
    authority, other = capra.directory / "authority", capra.directory / "other"
    for key in (authority, other):
        subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", key], check=True)
    public = capra.directory / "host.pub"
    public.write_text(f"{host.host_key}\n")
    sign = ["ssh-keygen", "-q", "-s", str(authority), "-I", "host", "-h", "-n", host.address, str(public)]
    subprocess.run(sign, check=True)
    host.path("/etc/ssh/host-cert.pub").write_text((capra.directory / "host-cert.pub").read_text())
    line = "HostCertificate /etc/ssh/host-cert.pub"
    host.ssh(f"echo '{line}' > /etc/ssh/sshd_config.d/50-test.conf; systemctl restart ssh", check=True)

    for key, code, outcome in ((other, 1, "HostKeyChanged"), (authority, 0, "Finished")):
        pinned = " ".join(Path(f"{key}.pub").read_text().split()[:2])
        manifest = capra.manifests(machine(host, hostKeys=[f"@cert-authority {pinned}"]), key_secret(host))
        [report] = capra.json("preflight", "-f", manifest, code=code)
        assert report["outcome"] == outcome, report["message"]


def test_with_the_strict_policy_an_unknown_host_is_not_contacted(host: Host, capra: Capra) -> None:
    data = capra.data(cloud_config(commands=[counted("once")]))
    manifest = capra.manifests(machine(host), key_secret(host))
    capra.environment["CAPRA_HOST_KEY_POLICY"] = "strict"
    before = host.sshd_log.read_text()
    for command in (("bootstrap", "--bootstrap-data", data), ("preflight",)):
        done = capra.run(*command, "-f", manifest, code=1)
        assert "spec.hostKeys" in done.stdout + done.stderr
        assert "no key of the host is known, and it is not contacted" in done.stdout + done.stderr
    assert host.sshd_log.read_text() == before

    capra.run("trust", f"{host.address}:{host.port}", _fingerprint(host.host_key))
    [report] = capra.json("bootstrap", "-f", manifest, "--bootstrap-data", data)
    assert (report["outcome"], count(host, "once")) == ("Finished", 1)
