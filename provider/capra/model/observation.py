"""Everything one decision looks at, gathered by a store."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from capra.model.choosing.choice import ANY_HOST, Choice, Shortfall
from capra.model.machine import CleanUp, RemoteMachine, Stage
from capra.model.pool import PoolEntry

MISSING_OWNER = "waiting for the Machine that owns this object"


class Phase(StrEnum):
    """How far a host may have come. `New`: it is proven that no run has sent anything to it, or that it is clean again.
    It is another phase from before a run begins, and `New` again only when the run has proven that it sent nothing."""

    NEW = "New"
    BOOTSTRAPPING = "Bootstrapping"
    PROVISIONED = "Provisioned"
    CLEANING = "Cleaning"
    CLEAN = "Clean"


@dataclass(frozen=True)
class Owner:
    """The owner Machine. bootstrap_kind: kind of its bootstrap config, which tells the k0s role. control_plane: it is
    one of the control plane's."""

    name: str
    bootstrap_kind: str = ""
    control_plane: bool = False


@dataclass(frozen=True)
class Cluster:
    """The Machine's Cluster, as far as it holds provisioning up. endpoint: its control plane endpoint is known."""

    name: str
    paused: bool = False
    infrastructure_ready: bool = True
    endpoint: bool = True


@dataclass(frozen=True)
class BootstrapData:
    """Bootstrap data, byte for byte. format: the Secret's; empty: the data tell it. source: the Secret or file it came
    from, for messages. titles: of commands, by place (`runcmd[0]`), where their maker gives some; no part of data."""

    data: bytes = field(repr=False)
    format: str = ""
    source: str = "bootstrap data"
    titles: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class SSHCertificate:
    """A user certificate of OpenSSH's for a key; no secret. text: `TYPE BASE64`. name: its key ID, for messages.
    valid_after, valid_before: seconds since the epoch; the second 0 where it never ends."""

    text: str
    name: str = ""
    valid_after: int = 0
    valid_before: int = 0


@dataclass(frozen=True)
class SSHKey:
    """A private key, and what its Secret holds besides. value: as it was given, with Unix line ends. source: the Secret
    or file it came from, for messages. openssh: the same key, rewritten in OpenSSH's format, without a passphrase.
    further: keys that are tried after it. become_password, login_password: what the Secret says of them; with a login
    password there may be no key, and value is empty. None of these shows in a repr.
    """

    value: str = field(repr=False)
    source: str = ""
    openssh: str = field(default="", repr=False, compare=False)
    certificate: SSHCertificate | None = None
    further: tuple[SSHKey, ...] = ()
    become_password: str = field(default="", repr=False)
    login_password: str = field(default="", repr=False)


@dataclass(frozen=True)
class HookText:
    """A hook with what it runs. playbook: YAML, a list of plays. digest: SHA-256 of it, in hexadecimal. variables:
    secrets; plain values. source: the object or file that the playbook came from, for messages. secret: that is a
    Secret. check: it runs in Ansible's check mode, whatever else does."""

    stage: Stage
    name: str
    playbook: str = field(repr=False)
    digest: str
    variables: Mapping[str, Any] = field(default_factory=dict, repr=False)
    collections: tuple[str, ...] = ()
    source: str = ""
    secret: bool = False
    check: bool = False

    @property
    def id(self) -> str:
        """What stands in a record when it has ended well."""
        return hook_prefix(self.stage, self.name, check=self.check) + self.digest


def hook_prefix(stage: Stage, name: str, *, check: bool = False) -> str:
    """What the ids of a hook begin with, whatever its text is."""
    return f"{stage}/{name}{'/check' if check else ''}:"


@dataclass(frozen=True)
class PlaybookRun:
    """The last run of the playbook that the annotation `run-playbook` asks for. id: `HookText.id`. attempts: runs that
    failed in a row. not_before: as in Record. reason, message: how the last one ended. under_way: one has begun, and
    nobody has seen its end."""

    id: str
    attempts: int = 0
    not_before: float = 0.0
    reason: str = ""
    message: str = ""
    under_way: bool = False

    @property
    def name(self) -> str:
        """The hook's name."""
        return self.id.partition(":")[0].partition("/")[2].partition("/")[0]


@dataclass(frozen=True)
class Record:
    """What must survive a restart, and a move in a cluster.

    run_id: of the bootstrap that has begun. digest: of its bootstrap data. uid: the machine's when its bootstrap began,
    from which the run id derives: a moved object has another. bootstrap_kind: as in Owner, for when the Machine has
    gone. clean_up: what the machine said of its cleanup when that began, for an entry in quarantine. distributions:
    where the kind does not tell, those that the host has shown and whose cleanup was begun, the last one last.
    host_keys: trusted at first contact, each `TYPE BASE64`. bastion_keys: the same of bastions, each
    `NAME TYPE BASE64`. attempts: runs that failed in a row. unreached: how many of
    them, the last ones in a row, have not reached the host. not_before: no run before this time (seconds since the
    epoch). reason, message: how the last run ended; both empty after a good one. cleaning_since: when the cleanup was
    first wanted, 0 before. host_name, host_addresses: what the host said of itself. facts: the same before the
    bootstrap began, by the names of `capra.bootstrap.templates.instance_data`, and `place`, where it was asked.
    warnings: what there is to know of a bootstrap that has ended well. hooks: those that have ended well in this life
    of the machine, each by `HookText.id`. playbook: what became of the annotation `run-playbook`; its failures are none
    of the others.
    """

    phase: Phase = Phase.NEW
    run_id: str = ""
    digest: str = ""
    uid: str = ""
    bootstrap_kind: str = ""
    clean_up: CleanUp | None = None
    distributions: tuple[str, ...] = ()
    host_keys: tuple[str, ...] = ()
    bastion_keys: tuple[str, ...] = ()
    attempts: int = 0
    unreached: int = 0
    not_before: float = 0.0
    reason: str = ""
    message: str = ""
    changed_at: float = 0.0
    cleaning_since: float = 0.0
    host_name: str = ""
    host_addresses: tuple[str, ...] = ()
    facts: Mapping[str, str] = field(default_factory=dict)
    warnings: tuple[str, ...] = ()
    hooks: tuple[str, ...] = ()
    playbook: PlaybookRun | None = None

    @property
    def cause(self) -> str:
        """The first line of the message: what has failed and why, without the end of a step's output."""
        return self.message.partition("\n")[0]


@dataclass(frozen=True)
class Problem:
    """Input that cannot be used. field: the path that is wrong; message: what is wrong and what would be right."""

    field: str
    message: str
    reason: str = "InvalidInput"


@dataclass(frozen=True)
class AskedPlaybook:
    """What the annotation `run-playbook` asks for, as far as it can be had. name: the hook's; empty where the value
    cannot be read. check: in Ansible's check mode. serial: machines of the namespace at once that run the hook of this
    name; 0 for any number. text: None where it was not read. problem: why it cannot be had, or is not allowed. held:
    why it is not this machine's turn."""

    name: str = ""
    check: bool = False
    serial: int = 0
    text: HookText | None = None
    problem: Problem | None = None
    held: str = ""

    @property
    def prefix(self) -> str:
        """What its ids begin with, whatever its text is."""
        return hook_prefix(Stage.RUN_PLAYBOOK, self.name, check=self.check)


@dataclass(frozen=True)
class Observation:
    """One look at the world. now: seconds since the epoch. None stands for what could not be found.

    missing_owner: what is waited for without an owner. missing_bootstrap: what the bootstrap data is waiting for, when
    there is none. entry: the entry of a pool that the machine holds, or has a claim to that must be renewed. outdated:
    the entry's fields have changed since the machine got them; in `machine` they count already. given_by: the entry
    that the machine has its fields from, which may be gone. pool: the entries to choose from, or those that decide it
    and are named in a message, by name; pool_size: how many fit the choice; pool_unreachable, pool_unfit: how many of
    them only their last probe keeps back. shortfall: why none fits. problem: what is wrong with its own fields or SSH
    key. used_by: another machine that uses its host. finalizer: the object stays until its host is clean, unlike an
    entry, or a terminal's machine. bastion_keys: the keys of the machine's bastions, where they have any. hooks: the
    user's playbooks that count now. hook_problem: why they cannot be had, or are not allowed. playbook: what its
    annotation asks for. become_password: takes the place of the key's. choice: what it wants of a host."""

    machine: RemoteMachine
    record: Record
    now: float
    owner: Owner | None = None
    cluster: Cluster | None = None
    bootstrap: BootstrapData | None = None
    ssh_key: SSHKey | None = None
    become_password: str = field(default="", repr=False)
    bastion_keys: tuple[SSHKey | None, ...] = ()
    missing_owner: str = MISSING_OWNER
    missing_bootstrap: str = "the bootstrap data"
    entry: PoolEntry | None = None
    outdated: bool = False
    given_by: str = ""
    pool: tuple[PoolEntry, ...] = ()
    pool_size: int = 0
    pool_unreachable: int = 0
    pool_unfit: int = 0
    choice: Choice = ANY_HOST
    shortfall: Shortfall | None = None
    problem: Problem | None = None
    used_by: str = ""
    finalizer: bool = False
    hooks: tuple[HookText, ...] = ()
    hook_problem: Problem | None = None
    playbook: AskedPlaybook | None = None
