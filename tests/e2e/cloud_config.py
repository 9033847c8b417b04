"""Bootstraps from cloud-config, one after the other, on one host."""

from __future__ import annotations

from itertools import count
from pathlib import Path
from typing import Any

import yaml

from tests.e2e.support import SENTINEL, Capra, key_secret, machine
from tests.hosts import Host

_NUMBERS = count(1)
_HOLDERS: dict[Path, str] = {}
"""The machine that has each host, by the host's place."""


def bootstrapped(host: Host, capra: Capra, document: dict[str, Any]) -> dict[str, Any]:
    """The report of a bootstrap that ends well."""
    return attempted(host, capra, document, code=0)


def attempted(host: Host, capra: Capra, document: dict[str, Any], code: int = 1) -> dict[str, Any]:
    """The report of one that ends with this exit code, for a machine of its own that takes the host over.
    It is run as a user with sudo."""
    manifest = machine(host, user="ops")
    name = manifest["metadata"]["name"] = f"node-{next(_NUMBERS)}"
    # Data that is the same would be the run that the host remembers.
    data = b"#cloud-config\n" + yaml.safe_dump({**document, "runcmd": [f": {name}", SENTINEL]}).encode()
    files = (capra.manifests(manifest, key_secret(host)), "--bootstrap-data", capra.data(data))
    holder = _HOLDERS.get(host.root)
    [report] = capra.json("bootstrap", "-f", *files, *(["--take-over", holder] if holder else ()), code=code)
    _HOLDERS[host.root] = f"default/{name}"
    return report


def twice(host: Host, capra: Capra, document: dict[str, Any], look: str) -> list[str]:
    """The lines that a command prints on the host after a bootstrap; after a second one they are the same."""
    bootstrapped(host, capra, document)
    before = host.ssh(look).stdout
    bootstrapped(host, capra, document)
    assert host.ssh(look).stdout == before
    return before.splitlines()
