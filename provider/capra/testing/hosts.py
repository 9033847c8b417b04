"""Hosts that exist only in memory, behind a port `Runner`: what was done on each, and what must never be done."""

from __future__ import annotations

import asyncio
from collections import Counter, defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field

from capra.engine.ports import ProgressListener
from capra.model.host_port import join_host_port
from capra.model.run import Playbook, RunRequest, RunResult
from capra.testing.runner import finished, stepped, unreachable

HOST_KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIGZha2VmYWtlZmFrZWZha2VmYWtlZmFrZWZha2VmYWtl"


@dataclass
class FakeHost:
    """One host. used_by: UID of the machine whose bootstrap has begun and that was not cleaned since. bootstraps: by
    UID, how often a bootstrap was carried out, not counting those that found it done. cleanups: how many. claim: UID
    and name of the machine that uses it, which counts where `FakeHosts.remember` is set. dead: it does not answer,
    so that nothing can be sent to it. hooks: the user's playbooks that have run on it, in order. probes: looks that
    nobody waited for, which are no contacts. findings, facts: what a preflight tells, beside the host's name."""

    used_by: str = ""
    claim: tuple[str, str] = ("", "")
    done: str = ""
    bootstraps: Counter[str] = field(default_factory=Counter)
    cleanups: int = 0
    commands: list[list[str]] = field(default_factory=list)
    contacts: int = 0
    busy: bool = False
    hung: bool = False
    dead: bool = False
    failures: list[RunResult] = field(default_factory=list)
    hooks: list[str] = field(default_factory=list)
    probes: int = 0
    findings: list[Mapping[str, str]] = field(default_factory=list)
    facts: Mapping[str, str] = field(default_factory=dict)

    def let_in(self, uid: str, take_over: str) -> bool:
        """Whether the machine may use the host."""
        if take_over and take_over in self.claim:
            self.used_by = ""
            return True
        return self.claim[0] in {"", uid}


class FakeHosts:
    """A port `Runner`. Hosts are made when they are first reached, by `address:port`.

    seconds: how long a run takes. violations: what must never happen (two runs on one host, a dirty host handed out,
    another host key than before), in words. remember: the hosts refuse every machine but the one that uses them, as
    real ones do; without it, whoever is handed a host in use is a violation. names: further names of hosts, each
    `address:port`.
    """

    def __init__(self, seconds: float = 0.0) -> None:
        self.seconds = seconds
        self.remember = False
        self.names: dict[str, str] = {}
        self.hosts: defaultdict[str, FakeHost] = defaultdict(FakeHost)
        self.violations: list[str] = []
        self.requests: list[RunRequest] = []

    def __getitem__(self, place: str) -> FakeHost:
        return self.hosts[place if ":" in place else f"{place}:22"]

    def fail(self, place: str, *results: RunResult) -> None:
        """The next runs on the host end like this; without results, the next one fails in a step."""
        self[place].failures.extend(results or (stepped(),))

    @property
    def contacts(self) -> Mapping[str, int]:
        """Runs on each host."""
        return {place: host.contacts for place, host in self.hosts.items()}

    async def run(self, request: RunRequest, listener: ProgressListener) -> RunResult:
        """See engine.ports.Runner."""
        place = join_host_port(request.connection.address, request.connection.port)
        host = self.hosts[self.names.get(place, place)]
        self.requests.append(request)
        host.probes += request.probe
        host.contacts += not request.probe
        if host.busy:
            self.violations.append(f"two runs on {place} at once")
        host.busy = True
        try:
            return await self._work(host, place, request)
        finally:
            host.busy = False

    async def _hook(self, host: FakeHost, request: RunRequest) -> RunResult:
        while host.hung:  # noqa: ASYNC110  # a test sets it, from any thread
            await asyncio.sleep(0.05)
        await asyncio.sleep(self.seconds)
        host.hooks.append(request.hook)
        return host.failures.pop(0) if host.failures else finished((HOST_KEY,))

    async def _preflight(self, host: FakeHost, request: RunRequest) -> RunResult:
        await asyncio.sleep(self.seconds)
        while host.hung and request.probe:  # noqa: ASYNC110  # a test sets it, from any thread
            await asyncio.sleep(0.05)
        facts = {"hostname": f"host-{request.connection.address}", **host.facts}
        return finished((HOST_KEY,), findings=list(host.findings), facts=facts)

    async def _work(self, host: FakeHost, place: str, request: RunRequest) -> RunResult:
        if host.dead:
            await asyncio.sleep(self.seconds)
            return unreachable()
        if request.playbook is Playbook.HOOK:
            return await self._hook(host, request)
        if request.playbook is Playbook.PREFLIGHT:
            return await self._preflight(host, request)
        uid = str(request.variables.get(f"{request.playbook}_uid", ""))
        if request.connection.host_keys not in {(), (HOST_KEY,)}:
            self.violations.append(f"{place} was expected to have {request.connection.host_keys}")
        if self.remember and not host.let_in(uid, str(request.variables.get(f"{request.playbook}_take_over", ""))):
            claimed = {"uid": host.claim[0], "name": host.claim[1], "since": 1}
            return stepped("claimed", "the host is used by another machine", claimed=claimed)
        host.claim = (uid, str(request.variables.get(f"{request.playbook}_name", "")))
        if request.playbook is Playbook.BOOTSTRAP:
            if host.used_by not in {"", uid}:
                self.violations.append(f"{place} was handed out dirty, used by {host.used_by}")
            host.used_by = uid
        while host.hung:  # noqa: ASYNC110  # a test sets it, from any thread
            await asyncio.sleep(0.05)
        await asyncio.sleep(self.seconds)
        if host.failures:
            return host.failures.pop(0)
        if request.playbook is Playbook.BOOTSTRAP:
            if host.done != uid:
                host.bootstraps[uid] += 1
            host.done = uid
        else:
            host.used_by = host.done = ""
            host.claim = ("", "")
            host.cleanups += 1
            host.commands.append(list(request.variables.get("custom_cleanup_commands", ())))
        facts = {"hostname": f"host-{request.connection.address}", "addresses": [request.connection.address]}
        return finished((HOST_KEY,), host=facts)
