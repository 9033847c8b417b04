"""The ways in through the controller: what a Secret holds beside a plain key, and what is told where that is wrong."""

from __future__ import annotations

import base64
from pathlib import Path
from typing import Any

from tests.e2e.controller.process import ControllerProcess
from tests.e2e.controller.site import Site, address, condition
from tests.e2e.credentials import PASSPHRASE, PASSWORD, locked, new_key, secret_lines, signed, trust_authority
from tests.e2e.support import count, counted
from tests.hosts import Host


def change(site: Site, name: str, **values: bytes | None) -> None:
    """Other values of a Secret."""
    data = {key: base64.b64encode(value).decode() if value is not None else None for key, value in values.items()}
    site.patch("Secret", name, {"data": data})


def ready(site: Site) -> Any:
    return condition(site.get("RemoteMachine", "m"), "Ready")


def test_a_locked_key_and_a_password_for_root(
    site: Site, controller: ControllerProcess, host: Host, tmp_path: Path
) -> None:
    host.path("/etc/sudoers.d/asks").write_text("nosudo ALL=(ALL:ALL) ALL\n")
    host.ssh(f"echo 'nosudo:{PASSWORD}' | chpasswd", check=True)
    key = locked(host, tmp_path)
    site.secret("key", {"value": key})
    site.data(commands=[counted("bootstrap")])
    site.cluster()
    root = {"user": "nosudo", "useSudo": True, "becomePasswordRef": {"name": "root", "key": "word"}}
    site.create("PooledRemoteMachine", "entry", {"pool": "p", "machine": address(host) | root})
    site.secret("root", {"word": PASSWORD.encode()})
    begun = host.sshd_log.read_text().count("Connection from")
    site.machine("m", {"pool": "p"})
    site.waits("m", "SSHKeyLocked")
    change(site, "key", passphrase=b"another")
    site.waits("m", "WrongPassphrase")
    assert host.sshd_log.read_text().count("Connection from") == begun  # nobody was asked
    change(site, "key", passphrase=PASSPHRASE.encode())
    site.provisioned("m")
    assert count(host, "bootstrap") == 1
    made = site.get("RemoteMachine", "m")
    assert made["spec"]["becomePasswordRef"] == {"name": "root", "key": "word"}
    # Another password of another place counts for the cleanup, and the Secret is held until it is over.
    host.ssh(f"echo 'root:{PASSWORD}-root' | chpasswd", check=True)
    change(site, "root", word=b"wrong")
    site.delete("Secret", "root")
    site.delete("Machine", "m")
    site.waits("m", "BecomeRefused")
    assert "the password that is given is not that of nosudo" in ready(site)["message"]
    assert PASSWORD not in ready(site)["message"]
    change(site, "root", word=PASSWORD.encode())
    site.gone("Machine", "m")
    assert host.ssh("ls /var/lib/capra 2>/dev/null | grep bootstrap").stdout == ""
    _keeps(site, controller, [PASSPHRASE, PASSWORD, *secret_lines(key, Path(host.key_file).read_bytes())])


def test_a_certificate(site: Site, controller: ControllerProcess, host: Host, tmp_path: Path) -> None:
    authority, key = new_key(tmp_path, "ca"), new_key(tmp_path, "mine")
    trust_authority(host, authority)
    ended = signed(key, authority, valid="-2h:-1h").read_bytes()
    site.secret("key", {"value": key.read_bytes(), "value-cert.pub": ended})
    site.data(commands=[counted("bootstrap")])
    site.cluster()
    begun = host.sshd_log.read_text().count("Connection from")
    site.machine("m", address(host))
    site.waits("m", "SSHCertificateExpired")
    assert "the SSH certificate 'capra test' has expired at 20" in ready(site)["message"]
    other = signed(new_key(tmp_path, "other"), authority).read_bytes()
    change(site, "key", **{"value-cert.pub": other})
    site.waits("m", "InvalidSSHCertificate")
    assert host.sshd_log.read_text().count("Connection from") == begun
    change(site, "key", **{"value-cert.pub": signed(key, authority, valid="-1m:+3d").read_bytes()})
    site.provisioned("m")
    told = condition(site.get("RemoteMachine", "m"), "BootstrapExecSucceeded")
    assert told["reason"] == "SucceededWithWarnings"
    assert "the SSH certificate 'capra test' expires at 20" in told["message"]
    site.delete("Machine", "m")
    site.gone("Machine", "m")


def test_a_key_that_is_rotated_in_the_middle_of_a_life(
    site: Site, controller: ControllerProcess, host: Host, tmp_path: Path
) -> None:
    """The Secret has both from then on; the host takes the new one, later the old one again."""
    old, new = new_key(tmp_path, "old"), new_key(tmp_path, "new")
    accepted = host.path("/etc/ssh/authorized_keys")
    everybody = accepted.read_text()
    accepted.write_text(old.with_name("old.pub").read_text())
    site.secret("key", {"value": old.read_bytes()})
    site.data(commands=[counted("bootstrap")])
    site.cluster()
    for number, wins in enumerate(("new", "old"), 1):
        site.machine(f"m{number}", address(host))
        site.provisioned(f"m{number}")
        change(site, "key", value=new.read_bytes(), **{"value-1": old.read_bytes()})
        accepted.write_text((tmp_path / f"{wins}.pub").read_text())
        site.delete("Machine", f"m{number}")
        site.gone("Machine", f"m{number}")
    accepted.write_text(everybody)
    assert count(host, "bootstrap") == 2


def _keeps(site: Site, controller: ControllerProcess, secrets: list[str]) -> None:
    seen = site.plane.kubectl("get", "remotemachines,machines,events,clusters", "-n", site.namespace, "-o", "yaml")
    seen += controller.log.read_text()
    seen += "".join(path.read_text(errors="replace") for path in controller.private.rglob("*") if path.is_file())
    assert [one[:8] for one in secrets if one in seen] == []
