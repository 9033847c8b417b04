"""What hosts ask for beside a plain key, made for a test: locked keys, certificates, passwords."""

from __future__ import annotations

import base64
import subprocess
from pathlib import Path
from typing import Any

from tests.hosts import Host

PASSPHRASE = "open-sesame-7b1f3d5e"
PASSWORD = "root-pass-phrase-4c8e2a6d"
CA_FILE = "/etc/ssh/capra_test_ca.pub"


def keygen(*words: str | Path) -> None:
    """ssh-keygen, quietly."""
    subprocess.run(["ssh-keygen", "-q", *map(str, words)], check=True, capture_output=True)


def new_key(directory: Path, name: str) -> Path:
    """A key that no host knows; the public half is beside it."""
    file = directory / name
    keygen("-t", "ed25519", "-N", "", "-C", name, "-f", file)
    return file


def locked(host: Host, directory: Path) -> bytes:
    """The host's key with a passphrase."""
    file = directory / "locked"
    file.write_bytes(Path(host.key_file).read_bytes())
    file.chmod(0o600)
    keygen("-p", "-P", "", "-N", PASSPHRASE, "-f", file)
    return file.read_bytes()


def signed(key: Path, authority: Path, *, valid: str = "-1m:+52w") -> Path:
    """A certificate of a key for the users of the hosts."""
    public = key.with_name(f"{key.name}.pub")
    keygen("-s", authority, "-I", "capra test", "-n", "root,ops,nosudo", "-V", valid, public)
    return key.with_name(f"{key.name}-cert.pub")


def trust_authority(host: Host, authority: Path) -> None:
    """The host lets in whoever has a certificate of this authority."""
    host.path(CA_FILE).write_text(authority.with_name(f"{authority.name}.pub").read_text())
    line = f"TrustedUserCAKeys {CA_FILE}"
    host.ssh(f"echo '{line}' > /etc/ssh/sshd_config.d/ca.conf && systemctl reload ssh", check=True)


def secret(host: Host, **values: bytes | str) -> dict[str, Any]:
    """The Secret of the host's sshKeyRef; `__` in a name stands for a dash, `_pub` for `.pub`."""
    data = {
        name.replace("__", "-").replace("_pub", ".pub"): value.encode() if isinstance(value, str) else value
        for name, value in values.items()
    }
    return {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {"name": f"{host.name}-key", "namespace": "default"},
        "data": {name: base64.b64encode(value).decode() for name, value in data.items()},
    }


def secret_lines(*keys: bytes | str) -> list[str]:
    """What must be seen nowhere of private keys."""
    texts = [key.decode() if isinstance(key, bytes) else key for key in keys]
    return [line for text in texts for line in text.splitlines() if len(line) > 30 and "-----" not in line]
