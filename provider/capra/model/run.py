"""One run of one playbook on one host: what is asked for, and what came of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from capra.model.bastion import Bastion
from capra.model.jobs.job import JobWay
from capra.model.machine import MachineKey

SIGNALS = 64  # of Linux


class Playbook(StrEnum):
    """The playbooks of the collection capra.machine, and `hook` for one of the user's."""

    BOOTSTRAP = "bootstrap"
    K0S_CLEANUP = "k0s_cleanup"
    KUBEADM_CLEANUP = "kubeadm_cleanup"
    RKE2_CLEANUP = "rke2_cleanup"
    K3S_CLEANUP = "k3s_cleanup"
    CUSTOM_CLEANUP = "custom_cleanup"
    PREFLIGHT = "preflight"
    K0S_CLUSTER = "k0s_cluster"
    HOOK = "hook"


@dataclass(frozen=True)
class Connection:
    """How a host is reached. host_keys: pinned, as in a MachineSpec; empty means that the first one seen is trusted
    and reported. become: run the work as root. become_method: how, by Ansible's names (sudo, doas, su). bastions: those
    that lead to it, from the one beside it outwards, each with the keys that are known of it. job: by a Job instead."""

    address: str
    port: int = 22
    user: str = "root"
    become: bool = False
    host_keys: tuple[str, ...] = ()
    become_method: str = "sudo"
    bastions: tuple[Bastion, ...] = ()
    job: JobWay | None = None


@dataclass(frozen=True)
class RunSecrets:
    """What never stands in arguments, logs, events or artifacts. ssh_key: as it was given. openssh_key: the same in
    OpenSSH's format, for ssh to read. steps: those of the bootstrap data, as `capra.bootstrap.steps.dump_tasks` gives
    them; they become a file of the run's private directory, whose path the playbook gets as `bootstrap_steps_file`.
    hidden: further values of which no run of 8 characters is shown, but for ordinary words and paths. credentials: the
    same without exception. wholes: hidden only as a whole. hook: the text of the user's playbook. hook_variables: what
    it is given. join_token: of k0s, for the host. further_keys: tried after the first one, in OpenSSH's format.
    certificates: of all keys in their order, each `TYPE BASE64`, or empty for a key that has none; no secret, and empty
    where no key has one. login_password: for a host that takes no key. bastion_keys, bastion_certificates: the same,
    one key for each bastion of the connection. given_keys: further_keys and bastion_keys as they were given."""

    ssh_key: str = field(default="", repr=False)
    become_password: str = field(default="", repr=False)
    steps: bytes = field(default=b"", repr=False)
    hidden: tuple[str, ...] = field(default=(), repr=False)
    openssh_key: str = field(default="", repr=False)
    credentials: tuple[str, ...] = field(default=(), repr=False)
    wholes: tuple[str, ...] = field(default=(), repr=False)
    hook: str = field(default="", repr=False)
    hook_variables: Mapping[str, Any] = field(default_factory=dict, repr=False)
    join_token: str = field(default="", repr=False)
    further_keys: tuple[str, ...] = field(default=(), repr=False)
    given_keys: tuple[str, ...] = field(default=(), repr=False)
    certificates: tuple[str, ...] = ()
    login_password: str = field(default="", repr=False)
    bastion_keys: tuple[str, ...] = field(default=(), repr=False)
    bastion_certificates: tuple[str, ...] = ()


@dataclass(frozen=True)
class RunRequest:
    """What a runner needs, and nothing of where it came from.

    variables: extra variables of the playbook, no secrets. timeout: seconds for the run on the host; the run as a
    whole is ended a little later. check, diff: Ansible's own. artifacts: directory that keeps ansible-runner's
    artifacts, redacted; empty keeps none. ssh_config: which OpenSSH configuration tells the way to the host, as for
    `ssh -F`; empty for the caller's own. one_owner: whoever reads the outcome may know other namespaces' names.
    accept_host_key: how a person says that another host key is right; empty for `capra trust`. accept_bastion_keys:
    the same for each bastion of the connection. notes: constructs of the bootstrap data that are not carried out, and
    what is to be known of the login, to be told where the run ends well. hook: the name of the user's playbook. field:
    where what the machine says of its host stands; field_names: see `capra.errors.renamed`. probe: nobody waits for it.
    """

    key: MachineKey
    playbook: Playbook
    connection: Connection
    variables: Mapping[str, Any]
    secrets: RunSecrets
    timeout: float = 3600.0
    check: bool = False
    diff: bool = False
    artifacts: str = ""
    ssh_config: str = "none"
    one_owner: bool = False
    accept_host_key: str = ""
    accept_bastion_keys: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    hook: str = ""
    field_names: Mapping[str, str] = field(default_factory=dict)
    field: str = "spec"
    probe: bool = False


@dataclass(frozen=True)
class Progress:
    """A step has changed its state (running, ok, failed, cut), or has said more. number counts from 0. output: the end
    of what it has said so far, redacted. Before anything is known of a step the state is CONTACTING, and number -1."""

    number: int
    count: int
    title: str
    state: str
    seconds: float = 0.0
    output: str = ""

    @property
    def of_step(self) -> bool:
        """A step is meant."""
        return self.number >= 0


CONTACTING = "contacting"
"""The state of a run that has begun to contact its host, and has heard nothing yet."""
IN_CONTACT = Progress(-1, 0, "", CONTACTING)


@dataclass(frozen=True)
class TaskEvent:
    """One result of a task on the host. name: the runner's event (runner_on_ok, …). result: Ansible's, redacted."""

    name: str
    task: str
    result: Mapping[str, Any]


@dataclass(frozen=True)
class RunResult:
    """What a runner saw, before anybody judges it.

    stats: Ansible's recap for the host, None when the run ended without one. host_keys: new ones that the host
    showed. ended: empty, `cancelled` or `timeout` when the runner itself ended the run. output: the last lines that
    the process printed, redacted, for the case that there is nothing better to say. sent: something may have been sent
    to the host; False only where this side can prove the contrary, whatever the host says. answer: a secret that the
    host was asked for (`Playbook.K0S_CLUSTER`), not redacted; it is handed on to whoever asked, and kept nowhere.
    bastion_keys: new ones of bastions, each `NAME TYPE BASE64`. bastions_said: what OpenSSH has said of the way to each
    bastion of the connection, the last time, redacted; empty where all was well.
    """

    events: tuple[TaskEvent, ...] = ()
    stats: Mapping[str, int] | None = None
    host_keys: tuple[str, ...] = ()
    ended: str = ""
    output: str = ""
    sent: bool = True
    answer: str = field(default="", repr=False)
    bastion_keys: tuple[str, ...] = ()
    bastions_said: tuple[str, ...] = ()


class OutcomeKind(StrEnum):
    """The closed set of ways in which a run ends."""

    FINISHED = "Finished"
    STEP_FAILED = "StepFailed"
    HOST_NOT_CLEAN = "HostNotClean"
    UNREACHABLE = "Unreachable"
    WRONG_CREDENTIALS = "WrongCredentials"
    HOST_KEY_CHANGED = "HostKeyChanged"
    LOGIN_FAILED = "LoginFailed"
    BECOME_REFUSED = "BecomeRefused"
    HOST_BUSY = "HostBusy"
    HOST_CLAIMED = "HostClaimed"
    ADOPTION_REFUSED = "AdoptionRefused"
    CUT_OFF = "CutOff"
    TIMED_OUT = "TimedOut"
    CANCELLED = "Cancelled"
    HOOK_FAILED = "HookFailed"
    INVALID = "InvalidInput"
    LOST = "Lost"


@dataclass(frozen=True)
class StepReport:
    """What became of one step. state: pending, running, ok, failed, cut; in a check run what would happen (create,
    change, same, directory, refuse, run, again, done). cuts: why earlier attempts were cut off (reboot, lost, …)."""

    number: int
    title: str
    state: str
    rc: int = -1
    seconds: float = 0.0
    output: str = ""
    cuts: tuple[str, ...] = ()

    @property
    def told(self) -> str:
        """State and exit status for a person. A shell gives 128 and the number of the signal that killed a command."""
        signal = self.rc - 128
        killed = f" (killed by signal {signal})" if 0 < signal <= SIGNALS else ""
        return f"{self.state}, status {self.rc}{killed}" if self.rc >= 0 else self.state


@dataclass(frozen=True)
class HostFacts:
    """What a host said of itself: its name, and its own addresses (IPv4 or IPv6), of which it may have none to tell."""

    hostname: str = ""
    addresses: tuple[str, ...] = ()


@dataclass(frozen=True)
class Outcome:
    """How a run ended. message: for a person; where a step failed a line, and below it the end of its output. changed:
    something was done on the host. details: the result of the deciding task, for what a playbook returns beyond steps
    (findings of a preflight). sent, bastion_keys: as in RunResult. warnings: what is to be looked at, though the run
    has done what it was to; the message has it, too.
    """

    kind: OutcomeKind
    message: str
    changed: bool = False
    steps: tuple[StepReport, ...] = ()
    host_keys: tuple[str, ...] = ()
    details: Mapping[str, Any] = field(default_factory=dict)
    host: HostFacts = HostFacts()
    sent: bool = True
    warnings: tuple[str, ...] = ()
    bastion_keys: tuple[str, ...] = ()

    @property
    def ok(self) -> bool:
        """The run did all that it was asked for."""
        return self.kind is OutcomeKind.FINISHED

    @property
    def cause(self) -> str:
        """The first line of the message, for where there is room for one: what has failed and why."""
        return self.message.partition("\n")[0]

    @property
    def warned(self) -> bool:
        """Something is to be looked at, though the run may have done all. The message says what."""
        return bool(self.warnings)
