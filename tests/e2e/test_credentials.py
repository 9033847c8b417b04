"""The ways in: a key with a passphrase, certificates, several keys, and root by sudo, doas and su with a password."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.credentials import (
    PASSPHRASE,
    PASSWORD,
    locked,
    new_key,
    secret,
    secret_lines,
    signed,
    trust_authority,
)
from tests.e2e.support import Capra, cloud_config, count, counted, key_secret, machine
from tests.e2e.test_secrets import process_lists, texts_below
from tests.hosts import Host, extras
from tests.hosts.fixtures import bring_up


@pytest.fixture(scope="module")
def shared() -> Iterator[Host]:
    """One host for all. `nosudo` may become root with the password of its own by sudo, with root's by su; `ops` by doas
    without one."""
    with bring_up(1, extra=extras.DOAS) as hosts:
        host = hosts[0]
        host.path("/etc/sudoers.d/asks").write_text("nosudo ALL=(ALL:ALL) ALL\n")
        host.path("/etc/doas.conf").write_text("permit nopass ops as root\npermit nosudo as root\n")
        host.ssh(f"echo 'nosudo:{PASSWORD}' | chpasswd; echo 'root:{PASSWORD}-root' | chpasswd", check=True)
        yield host


def key_of(host: Host) -> bytes:
    return Path(host.key_file).read_bytes()


def there_and_back(capra: Capra, host: Host, name: str, document: dict[str, Any], *more: str | Path) -> None:
    """Bootstrap the host, and clean it again."""
    manifest = capra.manifests(machine(host, **document["spec"]), document["secret"], *document.get("others", ()))
    data = capra.data(cloud_config(commands=[counted(name, 'test "$(id -u)" = 0')]))
    [report] = capra.json("bootstrap", "-f", manifest, "--bootstrap-data", data, *more)
    assert report["outcome"] == "Finished"
    assert count(host, name) == 1
    [report] = capra.json("cleanup", "-f", manifest, *more)
    assert report["outcome"] == "Finished"


WAYS: dict[str, dict[str, Any]] = {
    "sudo": {"user": "nosudo"},
    "su": {"user": "nosudo", "becomeMethod": "su"},
    "doas": {"user": "ops", "becomeMethod": "doas"},
}


@pytest.mark.parametrize("method", WAYS)
def test_root_by(method: str, shared: Host, capra: Capra) -> None:
    password = {"sudo": PASSWORD, "su": f"{PASSWORD}-root", "doas": ""}[method]
    values = {"becomePassword": f"{password}\n"} if password else {}
    document = {"spec": WAYS[method], "secret": secret(shared, value=key_of(shared), **values)}
    there_and_back(capra, shared, f"by-{method}", document)


def test_the_password_for_root_in_a_secret_of_its_own(shared: Host, capra: Capra) -> None:
    password = secret(shared, word=PASSWORD)
    password["metadata"]["name"] = "root"
    spec = {"user": "nosudo", "becomePasswordRef": {"name": "root", "key": "word"}}
    document = {"spec": spec, "secret": key_secret(shared), "others": [password]}
    there_and_back(capra, shared, "by-ref", document)


@pytest.mark.parametrize(
    ("spec", "values", "words"),
    [
        ({"user": "nosudo"}, {}, "useSudo needs a password for sudo: give it with --become-password-file"),
        ({"user": "nosudo"}, {"becomePassword": "wrong"}, "the password that is given is not that of nosudo"),
        (
            {"user": "nosudo", "becomeMethod": "su"},
            {"becomePassword": "wrong"},
            "the password that is given is not that of root",
        ),
        ({"user": "nosudo", "becomeMethod": "su"}, {}, "useSudo needs a password for su: give it with"),
        ({"user": "nosudo", "becomeMethod": "doas"}, {}, "useSudo needs a password for doas: let the user run doas"),
        ({"user": "nosudo", "becomeMethod": "doas"}, {"becomePassword": PASSWORD}, "`permit nopass nosudo as root`"),
    ],
    ids=["sudo none", "sudo wrong", "su wrong", "su none", "doas none", "doas asks"],
)
def test_a_refused_password(
    spec: dict[str, Any], values: dict[str, str], words: str, shared: Host, capra: Capra
) -> None:
    manifest = capra.manifests(machine(shared, **spec), secret(shared, value=key_of(shared), **values))
    [report] = capra.json("bootstrap", "-f", manifest, "--bootstrap-data", capra.data(cloud_config()), code=1)
    assert (report["outcome"], words in report["message"]) == ("BecomeRefused", True), report["message"]
    assert "wrong" not in report["message"].replace("not that of", "")


def test_a_key_with_a_passphrase(shared: Host, capra: Capra) -> None:
    key = locked(shared, capra.directory)
    document = {"spec": {}, "secret": secret(shared, value=key, passphrase=PASSPHRASE)}
    there_and_back(capra, shared, "locked", document)
    file = capra.directory / "phrase"
    file.write_text(f"{PASSPHRASE}\n")
    file.chmod(0o600)
    options = ("--ssh-key", capra.directory / "locked", "--ssh-key-passphrase-file", file)
    there_and_back(capra, shared, "locked-file", {"spec": {}, "secret": secret(shared, value=b"none")}, *options)


def test_a_certificate(shared: Host, capra: Capra) -> None:
    authority, key = new_key(capra.directory, "ca"), new_key(capra.directory, "mine")
    trust_authority(shared, authority)
    certificate = signed(key, authority).read_bytes()
    values = {"value": key.read_bytes(), "value__cert_pub": certificate}
    there_and_back(capra, shared, "signed", {"spec": {}, "secret": secret(shared, **values)})
    options = ("--ssh-key", key, "--ssh-certificate", f"{key}-cert.pub")
    there_and_back(capra, shared, "signed-file", {"spec": {}, "secret": key_secret(shared)}, *options)
    # Without it nobody is let in.
    manifest = capra.manifests(machine(shared), secret(shared, value=key.read_bytes()))
    [report] = capra.json("preflight", "-f", manifest, code=1)
    assert report["outcome"] == "WrongCredentials"


def test_a_certificate_that_ends_soon_or_has_ended(shared: Host, capra: Capra) -> None:
    authority, key = new_key(capra.directory, "ca"), new_key(capra.directory, "mine")
    trust_authority(shared, authority)
    soon = signed(key, authority, valid="-1m:+3d").read_bytes()
    manifest = capra.manifests(
        machine(shared), secret(shared, value=key.read_bytes(), value__cert_pub=soon), name="soon.yaml"
    )
    data = capra.data(cloud_config(commands=[counted("soon")]))
    [report] = capra.json("bootstrap", "-f", manifest, "--bootstrap-data", data)
    assert "the SSH certificate 'capra test' expires at 20" in report["message"]
    ended = signed(key, authority, valid="-2h:-1h").read_bytes()
    manifest = capra.manifests(machine(shared), secret(shared, value=key.read_bytes(), value__cert_pub=ended))
    begun = shared.sshd_log.read_text().count("Connection from")
    done = capra.run("cleanup", "-f", manifest, code=2)
    assert "the SSH certificate 'capra test' has expired at 20" in done.stderr
    assert shared.sshd_log.read_text().count("Connection from") == begun
    capra.json("cleanup", "-f", capra.directory / "soon.yaml")


def test_a_key_that_is_rotated_between_bootstrap_and_cleanup(shared: Host, capra: Capra) -> None:
    """The host accepts only the new one, then only the old one, which is tried second."""
    old, new = new_key(capra.directory, "old"), new_key(capra.directory, "new")
    keys = shared.path("/home/ops/.ssh/authorized_keys")
    shared.ssh("install -d -m 700 -o ops -g ops /home/ops/.ssh", check=True)
    # Those that every user of a host takes stand apart.
    everybody = shared.path("/etc/ssh/authorized_keys")
    before = everybody.read_text()

    def accept(key: Path) -> None:
        keys.write_text(Path(f"{key}.pub").read_text())

    def manifest(**values: bytes) -> Path:
        return capra.manifests(machine(shared, user="ops"), secret(shared, **values))

    def log() -> int:
        return count(shared, "rotated")

    try:
        shared.ssh("install -d -m 700 /root/.ssh; cp /etc/ssh/authorized_keys /root/.ssh/", check=True)
        everybody.write_text("")
        data = capra.data(cloud_config(commands=[counted("rotated")]))
        for number, accepted in enumerate((new, old), 1):
            accept(old)
            capra.json("bootstrap", "-f", manifest(value=old.read_bytes()), "--bootstrap-data", data)
            assert log() == number
            accept(accepted)
            both = manifest(value=new.read_bytes(), value__1=old.read_bytes())
            [report] = capra.json("cleanup", "-f", both)
            assert report["outcome"] == "Finished"
        stranger = manifest(value=new_key(capra.directory, "a").read_bytes(), value__7=new.read_bytes())
        [report] = capra.json("preflight", "-f", stranger, code=1)
        assert "does not accept any of the SSH keys SHA256:" in report["message"]
    finally:
        everybody.write_text(before)


@pytest.fixture
def by_password(shared: Host) -> Iterator[str]:
    """`ops` may log in with a password, which this is."""
    line = "PasswordAuthentication yes"
    # Before the host's own file: the first value counts.
    shared.ssh(f"echo 'ops:{PASSWORD}-ops' | chpasswd", check=True)
    shared.ssh(f"echo '{line}' > /etc/ssh/sshd_config.d/allow.conf && systemctl reload ssh", check=True)
    yield f"{PASSWORD}-ops"
    shared.ssh("rm /etc/ssh/sshd_config.d/allow.conf && systemctl reload ssh", check=True)


def test_a_password_to_log_in_with(by_password: str, shared: Host, capra: Capra) -> None:
    """As the last resort: the key of the second run is one that the host does not take."""
    stranger = new_key(capra.directory, "stranger").read_bytes()
    data = capra.data(cloud_config(commands=[counted("by-password"), "sleep 1"]))
    for number, values in enumerate(({}, {"value": stranger}), 1):
        manifest = capra.manifests(machine(shared, user="ops"), secret(shared, password=by_password, **values))
        with process_lists() as seen:
            [report] = capra.json("bootstrap", "-f", manifest, "--bootstrap-data", data)
        assert (report["outcome"], count(shared, "by-password")) == ("Finished", number)
        assert "has a password to log in with, which is the last resort" in report["message"]
        assert any("askpass.sh" in line for line in seen)
        assert by_password not in "\n".join(seen)
        capra.json("cleanup", "-f", manifest)
    manifest = capra.manifests(machine(shared, user="ops"), secret(shared, password="wrong", value=stranger))
    [report] = capra.json("preflight", "-f", manifest, code=1)
    assert report["outcome"] == "WrongCredentials"
    assert "nor the password for user ops" in report["message"]
    assert not list(capra.private.iterdir())


def test_nothing_of_it_is_to_be_seen(shared: Host, capra: Capra) -> None:
    key, other = locked(shared, capra.directory), new_key(capra.directory, "other").read_bytes()
    values: dict[str, bytes | str] = {
        "value": other,
        "value__1": key,
        "passphrase": PASSPHRASE,
        "becomePassword": PASSWORD,
    }
    manifest = capra.manifests(machine(shared, user="nosudo"), secret(shared, **values))
    data = capra.data(cloud_config(commands=["sleep 2", f"echo {PASSWORD}; exit 3"]))
    artifacts = capra.directory / "artifacts"
    arguments = ("bootstrap", "-f", manifest, "--bootstrap-data", data, "-vv", "--artifacts", artifacts)
    with process_lists() as seen:
        done = capra.run(*arguments, code=1)
    # Other tests set this password on hosts meanwhile.
    seen = [line for line in seen if "chpasswd" not in line]
    secrets = [PASSPHRASE, PASSWORD, *secret_lines(key, other, key_of(shared))]
    assert any("sudo" in line and "[sudo via ansible" in line for line in seen)
    places = {
        "the process list": "\n".join(seen),
        "standard output": done.stdout,
        "standard error": done.stderr,
        **{str(path): text for path, text in texts_below(capra.directory / "state")},
        **{str(path): text for path, text in texts_below(artifacts)},
        **{str(path): text for path, text in texts_below(capra.directory / "home")},
        "the host's log": shared.ssh("cat /var/log/*.log 2>/dev/null; journalctl 2>/dev/null").stdout,
    }
    assert [(name, one[:6]) for name, text in places.items() for one in secrets if one in text] == []
    assert "[hidden]" in done.stdout + done.stderr
    assert not list(capra.private.iterdir())
    kept = shared.ssh(f"grep -rl -e {PASSPHRASE} / -s --exclude-dir=proc --exclude-dir=sys").stdout.split()
    assert kept == []
    capra.run("cleanup", "-f", manifest)
