"""The options of `capra down`, and its examples. The docstring of `Options` is its help."""

from __future__ import annotations

from dataclasses import dataclass

from capra.cli.options.common import ClusterFileOptions

EXAMPLES = (
    "capra down -f k0sctl.yaml --check",
    "capra down -f k0sctl.yaml",
    "capra down -f k0sctl.yaml --limit worker-3",
)


@dataclass(frozen=True, kw_only=True)
class Options(ClusterFileOptions):
    """Clean the hosts of a k0s cluster: workers, then controllers one by one.

    Workers are worked on side by side. Each controller leaves etcd before it is stopped.
    Run it again at any time: it goes on where it was.
    """
