"""Where hosts are: address and port, in the one form by which two spellings are found to be the same. Pure."""

from __future__ import annotations

from collections.abc import Mapping

from capra.kube.client.resources import Raw
from capra.model.checks import same_address

Place = tuple[str, int]
"""Address, in one form, and port. The address is empty where there is none."""


def place(spec: Mapping[str, object]) -> Place:
    """Of the fields of a machine."""
    address, port = spec.get("address"), spec.get("port")
    text = same_address(address) if isinstance(address, str) and address else ""
    return text, port if isinstance(port, int) else 22


def entry_place(entry: Raw) -> Place:
    """Of a PooledRemoteMachine."""
    return place((entry.get("spec") or {}).get("machine") or {})
