"""Two hosts that began alike: Capra carries a document out on one, cloud-init on the other."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from typing import Any

from capra.model.machine import SENTINEL_ANNOTATION
from tests.e2e.cloud_init import snapshot, stages
from tests.e2e.support import Capra, key_secret, machine
from tests.hosts import Host

_NUMBERS = count(1)
OF_ITS_OWN_ACCORD = """set -e
chmod 644 /etc/hostname
mkdir -p -m 700 /root/.ssh
(umask 077; : >/root/.ssh/authorized_keys)
echo LANG=C.UTF-8 >/etc/default/locale
"""
HOSTS = "127.0.0.1 localhost\n::1 localhost\n127.0.1.1 {name}\n"


@dataclass(frozen=True)
class Outcome:
    """differences: path → what is there on Capra's host, and on cloud-init's. touched: all paths that one of them has
    changed. complaints: of cloud-init."""

    report: dict[str, Any]
    complaints: tuple[str, ...]
    touched: frozenset[str]
    differences: dict[str, tuple[str, str]]

    @property
    def told(self) -> str:
        """The differences, each where it begins."""
        lines = []
        for path, (ours, theirs) in self.differences.items():
            same = next((at for at, (a, b) in enumerate(zip(ours, theirs, strict=False)) if a != b), 0)
            begin = max(0, same - 40)
            parts = (f"{text[:12]} … {text[begin : begin + 300]}" for text in (ours, theirs))
            lines.append(f"{path}\n  Capra:      {next(parts)}\n  cloud-init: {next(parts)}")
        return "\n".join(lines)


class Pair:
    """Documents are carried out one after the other; each should name paths and users of its own."""

    def __init__(self, ours: Host, theirs: Host) -> None:
        self.ours = ours
        self.theirs = theirs
        self.spoilt = False
        """Whether the hosts are no longer alike."""
        self._holder = ""
        self._stamps: list[snapshot.Stamps] = []
        for host in (ours, theirs):
            # Their addresses differ.
            host.path("/etc/hosts").write_text(HOSTS.format(name=host.name))
            # What cloud-init makes of its own accord.
            host.ssh(OF_ITS_OWN_ACCORD, check=True)
        stages.prepare(theirs)

    def apply(self, document: bytes, capra: Capra, code: int = 0) -> Outcome:
        """Carry it out on both. code: of `capra bootstrap`."""
        both = (self.ours, self.theirs)
        was_spoilt, self.spoilt = self.spoilt, True
        before = self._stamps or [snapshot.stamps(host) for host in both]
        mounted = [snapshot.mounts(host) for host in both]
        with ThreadPoolExecutor(2) as pool:
            told = pool.submit(stages.run, self.theirs, document)
            report = self._bootstrap(document, capra, code)
        self._stamps = after = [snapshot.stamps(host) for host in both]
        touched = snapshot.touched(before[0], after[0]) | snapshot.touched(before[1], after[1])
        differences = {}
        for path in sorted(touched):
            states = (snapshot.state(self.ours, path), snapshot.state(self.theirs, path))
            if states[0] != states[1]:
                differences[path] = states
        new = [sorted(snapshot.mounts(host) - old) for host, old in zip(both, mounted, strict=True)]
        if new[0] != new[1]:
            differences["/proc/mounts"] = (str(new[0]), str(new[1]))
        self.spoilt = was_spoilt or bool(differences)
        return Outcome(report, told.result().complaints, frozenset(touched), differences)

    def _bootstrap(self, document: bytes, capra: Capra, code: int) -> dict[str, Any]:
        """For a machine of its own, which takes the host over from the one before."""
        manifest = machine(self.ours, user="ops")
        name = f"node-{next(_NUMBERS)}"
        manifest["metadata"] |= {"name": name, "annotations": {SENTINEL_ANNOTATION: "none"}}
        words: list[str | Path] = [
            "-f",
            capra.manifests(manifest, key_secret(self.ours)),
            "--bootstrap-data",
            capra.data(document),
        ]
        if self._holder:
            words += ["--take-over", self._holder]
        [report] = capra.json("bootstrap", *words, code=code)
        self._holder = f"default/{name}"
        return report
