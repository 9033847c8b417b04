"""The options of `capra ansible-path`, and its examples. The docstring of `Options` is its help."""

from __future__ import annotations

from dataclasses import dataclass

EXAMPLES = ("ANSIBLE_COLLECTIONS_PATH=$(capra ansible-path) ansible-playbook …",)


@dataclass(frozen=True, kw_only=True)
class Options:
    """Print the directory for ANSIBLE_COLLECTIONS_PATH that holds the collection capra.machine."""
