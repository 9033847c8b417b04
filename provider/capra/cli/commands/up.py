"""`capra up`."""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass
from pathlib import Path

from capra.cli.errors import ExitCode, note, print_error
from capra.cli.options.up import Options
from capra.cli.output.display import PlainDisplay
from capra.cli.output.live import displaying
from capra.cli.output.report import print_results
from capra.cli.output.result import MachineResult, exit_code, of_outcome, of_reconciliation
from capra.cli.shared import work
from capra.cli.shared.joining import Asking, Tokens
from capra.cli.shared.phases import PreparedCluster, in_own_words, naming_fields, open_cluster, run_phases
from capra.cli.shared.planning import plan_options
from capra.cli.shared.ready import wait_for_nodes
from capra.clusters import questions
from capra.clusters.cluster import (
    ClusterHost,
    limited_hosts,
    needs_token,
    phases_up,
    refuse_second_cluster,
    refuse_without_leader,
)
from capra.clusters.kubeconfig import kubeconfig
from capra.clusters.nodes import Nodes
from capra.engine.engine import Engine
from capra.engine.ports import ProgressListener
from capra.errors import CapraError, InputError
from capra.local.files import write_whole
from capra.model.machine import RemoteMachine
from capra.model.observation import Phase
from capra.settings import Settings


def up(options: Options) -> int:
    """Returns the exit code."""
    settings = options.settings()
    prepared = open_cluster(options, settings, deleting=False)
    _check(options, prepared)
    with displaying(settings.verbose) as display:
        ended = asyncio.run(_Up(options, settings, prepared, display).run())
    more = {} if options.check else {"kubeconfig": ended.kubeconfig, "nodes": ended.nodes_told}
    print_results(
        ended.results, settings.output, check=options.check, diff=options.diff, verbose=settings.verbose, more=more
    )
    _tell(ended)
    return ended.code


@dataclass(frozen=True)
class _Ended:
    """How it ended. kubeconfig: the file that was written, else empty. problem: why there is none, or no nodes."""

    results: list[MachineResult]
    ended_by: int
    kubeconfig: str = ""
    nodes: Nodes | None = None
    problem: CapraError | None = None

    @property
    def code(self) -> int:
        """The exit code of the command."""
        code = exit_code(self.results, self.ended_by)
        if code == ExitCode.DONE and (self.problem or (self.nodes and not self.nodes.complete)):
            return ExitCode.FAILED
        return code

    @property
    def left(self) -> str:
        """What a signal has left to be done."""
        if not all(result.ok for result in self.results):
            return ": the hosts go on with what has begun"
        doing = "waited for the nodes" if self.kubeconfig else "asked for the kubeconfig"
        return f" while it {doing}: every host is done"

    @property
    def nodes_told(self) -> dict[str, list[str]] | None:
        """In JSON."""
        nodes = self.nodes
        if nodes is None:
            return None
        return {"ready": [*nodes.ready], "unready": [*nodes.unready], "missing": [*nodes.missing]}


def _check(options: Options, prepared: PreparedCluster) -> None:
    """Against what is remembered. Raises InputError."""
    phases = prepared.phases()
    refuse_second_cluster(prepared.cluster, phases)
    chosen = [host for phase in _hosts(options, prepared) for host in phase]
    if options.limit and not options.check:
        refuse_without_leader(prepared.cluster, chosen, phases, source=options.file[0])
    path = _kubeconfig_file(options, prepared)
    if not path.parent.is_dir():
        raise InputError(f"{path.parent} is no directory", subject="--kubeconfig-out")
    if path.is_dir():
        raise InputError(f"{path} is a directory, and a file is written", subject="--kubeconfig-out")


def _hosts(options: Options, prepared: PreparedCluster) -> tuple[tuple[ClusterHost, ...], ...]:
    """Those that are asked for, by phase. Raises InputError."""
    return limited_hosts(phases_up(prepared.cluster), options.limit or ())


def _kubeconfig_file(options: Options, prepared: PreparedCluster) -> Path:
    return Path(options.kubeconfig_out or f"{prepared.cluster.name}.kubeconfig")


def _tell(ended: _Ended) -> None:
    if ended.ended_by:
        note(f"interrupted{ended.left}; run the same command again to take it up")
    if ended.kubeconfig:
        note(f"the kubeconfig is in {ended.kubeconfig}")
    if ended.nodes is not None:
        note(("" if ended.nodes.complete else "error: ") + ended.nodes.told)
    if ended.problem is not None:
        print_error(ended.problem)


class _Up:
    """One `capra up`."""

    def __init__(self, options: Options, settings: Settings, prepared: PreparedCluster, display: PlainDisplay) -> None:
        self._options, self._settings, self._prepared, self._display = options, settings, prepared, display
        self._hosts = {host.key: host for host in prepared.cluster.hosts}
        self._planned = plan_options(
            settings,
            check=options.check,
            diff=options.diff,
            restart=options.restart,
            take_over=options.take_over,
            field_names=prepared.field_names,
        )

    async def run(self) -> _Ended:
        """All phases, and what comes after them."""
        phases = _hosts(self._options, self._prepared)
        if self._options.check:
            # Nothing that one does is there for the next.
            phases = (tuple(host for phase in phases for host in phase),)
        async with work.running(self._settings, self._display.output) as runner:
            asking = Asking(self._prepared, runner, self._planned)
            self._tokens = Tokens(asking)
            self._engine = Engine(
                self._prepared.store, runner, time.time, options=self._planned, aside=asyncio.to_thread
            )
            all_work = work.Work(self._display, self._settings.concurrency)
            results = await run_phases(self._prepared, phases, all_work, self._act, "Bootstrap")
            if self._options.check or all_work.ended_by:
                return _Ended(results, all_work.ended_by)
            return await self._after(asking, results, all_work)

    async def _act(self, machine: RemoteMachine, listener: ProgressListener) -> MachineResult:
        """One host: where it has still to join, with a token that lies there before its bootstrap goes on."""
        names = self._prepared.field_names(machine.key)
        with self._prepared.store.lock(machine.key), naming_fields(names):
            record = (await self._prepared.store.load(machine.key)).record
            host = self._hosts[machine.key]
            if not self._options.check and needs_token(self._prepared.cluster, host, record.phase):
                brought = await self._tokens.asking.bring(host, await self._tokens.token(host.role.service))
                if not brought.ok:
                    return in_own_words(of_outcome(machine, "Bootstrap", brought), names)
            taken = await self._engine.reconcile(machine.key, listener=listener)
        return in_own_words(of_reconciliation(taken, check=self._options.check), names)

    async def _after(self, asking: Asking, results: list[MachineResult], all_work: work.Work) -> _Ended:
        """The kubeconfig as soon as there is a cluster, then its nodes, where every host has ended well. A signal ends
        it with what there is."""
        phases = self._prepared.phases()
        if phases[self._prepared.cluster.leader.key] is not Phase.PROVISIONED:
            return _Ended(results, 0)
        written, nodes = "", None
        try:
            answer = await all_work.rest(asking.leader(questions.ask_kubeconfig))
            written = "" if answer is None else self._write(answer)
            if written and self._options.wait and all(result.ok for result in results):
                nodes = await all_work.rest(wait_for_nodes(asking, self._options.wait))
        except CapraError as error:
            return _Ended(results, all_work.ended_by, written, nodes, error)
        return _Ended(results, all_work.ended_by, written, nodes)

    def _write(self, answer: str) -> str:
        """The kubeconfig, made of the controller's answer, as a file with mode 0600. Raises CapraError."""
        path = _kubeconfig_file(self._options, self._prepared)
        text = kubeconfig(self._prepared.cluster, answer)
        try:
            if not path.exists() or path.read_text("utf-8", "replace") != text or path.stat().st_mode & 0o077:
                write_whole(path, text)
        except OSError as error:
            raise InputError(f"{path} cannot be written: {error.strerror}", subject="--kubeconfig-out") from None
        return str(path)
