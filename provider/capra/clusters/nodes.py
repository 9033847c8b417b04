"""Which Nodes a cluster has, and which are missing. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from capra.clusters.cluster import ClusterHost


@dataclass(frozen=True)
class Nodes:
    """ready, unready, missing: names of Nodes that are wanted."""

    ready: tuple[str, ...] = ()
    unready: tuple[str, ...] = ()
    missing: tuple[str, ...] = ()

    @property
    def complete(self) -> bool:
        """All that are wanted are ready."""
        return not self.unready and not self.missing

    @property
    def told(self) -> str:
        """A sentence for a person."""
        count = len(self.ready) + len(self.unready) + len(self.missing)
        parts = [f"{len(self.ready)} of {count} nodes are ready"]
        parts += [f"not ready: {', '.join(self.unready)}"] if self.unready else []
        parts += [f"not there: {', '.join(self.missing)}"] if self.missing else []
        return "; ".join(parts)


def node_name(host: ClusterHost, host_name: str) -> str:
    """What the kubelet calls its Node. host_name: what the host said of itself; the kubelet takes it in lower case."""
    return host.node_name or host_name.lower()


def parse_nodes(answer: str) -> dict[str, bool]:
    """Names of Nodes, and whether each is ready. answer: a line `NAME STATUS` each."""
    lines = (line.split() for line in answer.splitlines())
    return {words[0]: words[1:] == ["True"] for words in lines if words}


def compare(wanted: Iterable[str], there: Mapping[str, bool]) -> Nodes:
    """wanted: names; the same order in the result."""
    names = list(dict.fromkeys(wanted))
    return Nodes(
        tuple(name for name in names if there.get(name)),
        tuple(name for name in names if there.get(name) is False),
        tuple(name for name in names if name not in there),
    )
