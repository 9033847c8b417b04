"""Kind 22: keys that one parser reads and the other does not."""

from __future__ import annotations

import base64
import subprocess
from pathlib import Path

from tests.e2e.faults.cases import scenario
from tests.e2e.support import Capra, cloud_config, count, counted, key_secret, machine
from tests.hosts import Host


def _bootstraps(host: Host, capra: Capra, key: bytes) -> None:
    """With the key in a file, and in a Secret."""
    file = capra.directory / "given"
    file.write_bytes(key)
    file.chmod(0o600)
    secret = key_secret(host) | {"data": {"value": base64.b64encode(key).decode()}}
    manifest = capra.manifests(machine(host), secret)
    data = capra.data(cloud_config(commands=[counted("key")]))
    [report] = capra.json("bootstrap", "-f", manifest, "--bootstrap-data", data)
    assert (report["outcome"], count(host, "key")) == ("Finished", 1)
    [report] = capra.json("cleanup", "-f", capra.manifests(machine(host)), "--ssh-key", file)
    assert report["outcome"] == "Finished"


@scenario("ed25519 in PKCS#8")
def ed25519_in_pkcs8(host: Host, capra: Capra, tmp_path: Path) -> None:
    made = subprocess.run(["openssl", "genpkey", "-algorithm", "ed25519"], capture_output=True, check=True).stdout
    public = subprocess.run(
        ["openssl", "pkey", "-pubout", "-outform", "DER"], input=made, capture_output=True, check=True
    ).stdout[-32:]
    blob = b"".join(len(part).to_bytes(4, "big") + part for part in (b"ssh-ed25519", public))
    line = f"ssh-ed25519 {base64.b64encode(blob).decode()}\n"
    host.ssh("cat > .ssh/authorized_keys", stdin=line, check=True)
    _bootstraps(host, capra, made)


@scenario("indented key")
def indented_key(host: Host, capra: Capra) -> None:
    text = Path(host.key_file).read_text()
    assert text.startswith("-----BEGIN OPENSSH PRIVATE KEY-----")
    _bootstraps(host, capra, "".join(f"  {line}\n" for line in text.splitlines()).encode())
