"""Keys, manifests and bootstrap data for tests. The keys are made anew and are good for nothing."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

GROUP = "infrastructure.cluster.x-k8s.io"
HOST_KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIDB6SetTPNEYPOs7TpJnuUg2QepVnTq1yWGDD3+ujEiJ"
OTHER_HOST_KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"
TOKEN = "join-token-0123456789abcdef"
USER_DATA = f"""## template: jinja
#cloud-config
write_files:
- path: /etc/k0s.token
  permissions: "0600"
  content: {TOKEN}
runcmd:
- k0s install worker
- k0s start
"""
_KEY = Ed25519PrivateKey.generate()
_PRIVATE_KEY = _KEY.private_bytes(
    serialization.Encoding.PEM, serialization.PrivateFormat.OpenSSH, serialization.NoEncryption()
).decode()


def private_key() -> str:
    """An ed25519 key in OpenSSH's format."""
    return _PRIVATE_KEY


def public_key() -> str:
    """The public half."""
    key = _KEY.public_key()
    return key.public_bytes(serialization.Encoding.OpenSSH, serialization.PublicFormat.OpenSSH).decode()


def machine(name: str = "node-0", version: str = "v1beta2", **spec: Any) -> dict[str, Any]:
    """A RemoteMachine document."""
    fields = {"address": "192.0.2.1", "sshKeyRef": {"name": "key"}} | spec
    return {
        "apiVersion": f"{GROUP}/{version}",
        "kind": "RemoteMachine",
        "metadata": {"name": name},
        "spec": {name: value for name, value in fields.items() if value is not None},
    }


def secret(name: str = "key", **values: str) -> dict[str, Any]:
    """A Secret document; by default with the SSH key."""
    return {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {"name": name},
        "stringData": values or {"value": private_key()},
    }


def owner(name: str = "node-0", kind: str = "K0sWorkerConfig", data: str = "") -> dict[str, Any]:
    """A Machine document that refers to the RemoteMachine with this name."""
    bootstrap: dict[str, Any] = {"configRef": {"kind": kind}}
    if data:
        bootstrap["dataSecretName"] = data
    return {
        "apiVersion": "cluster.x-k8s.io/v1beta2",
        "kind": "Machine",
        "metadata": {"name": f"machine-of-{name}"},
        "spec": {
            "clusterName": "test",
            "bootstrap": bootstrap,
            "infrastructureRef": {"apiGroup": GROUP, "kind": "RemoteMachine", "name": name},
        },
    }


def write(directory: Path, *documents: dict[str, Any], name: str = "machine.yaml") -> str:
    """A manifest file."""
    path = directory / name
    path.write_text(yaml.safe_dump_all(documents))
    return str(path)


def write_text(directory: Path, text: str | bytes, name: str, mode: int = 0o600) -> str:
    """A file with this mode."""
    path = directory / name
    path.write_bytes(text.encode() if isinstance(text, str) else text)
    path.chmod(mode)
    return str(path)
