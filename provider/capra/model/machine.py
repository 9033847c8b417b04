"""The machine that a manifest asks for, whichever kind and API version it came in."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from capra.model.bastion import Bastion
from capra.model.host_port import join_host_port
from capra.model.jobs.job import ProvisionJob

GROUP = "infrastructure.cluster.x-k8s.io"
PREFIX = f"capra.{GROUP}/"
"""What Capra's own annotations and labels begin with."""

FACTS = f"facts.{PREFIX}"
"""What the names of a host's facts begin with in a selector. No label of this prefix counts."""

PAUSED_ANNOTATION = "cluster.x-k8s.io/paused"
DELETE_FOR_MOVE_ANNOTATION = "clusterctl.cluster.x-k8s.io/delete-for-move"
BLOCK_MOVE_ANNOTATION = "clusterctl.cluster.x-k8s.io/block-move"
MANAGED_BY_ANNOTATION = "cluster.x-k8s.io/managed-by"
HOST_KEYS_ANNOTATION = f"{PREFIX}host-keys"
BASTION_HOST_KEYS_ANNOTATION = f"{PREFIX}bastion-host-keys"
GIVE_UP_ANNOTATION = f"{PREFIX}give-up-cleanup"
"""Set by an operator, with any value: stop trying to clean this machine's host and let the machine go."""
TAKE_OVER_ANNOTATION = f"{PREFIX}take-over-host"
"""Set by an operator: the machine takes its host over from the one whose UID or name the value is."""
SENTINEL_ANNOTATION = f"{PREFIX}sentinel"
"""Set by an operator to `none`: the bootstrap data makes no sentinel file, and the end of its commands proves it."""
IGNORED_CONSTRUCTS_ANNOTATION = f"{PREFIX}ignored-constructs"
"""Set by an operator: constructs of the bootstrap data, separated by commas, that the machine goes on without."""

IGNORED_FINDINGS_ANNOTATION = f"{PREFIX}ignored-findings"
"""On an entry of a pool: names of a preflight's findings, separated by commas, that do not make its host unfit."""

ADOPT_ANNOTATION = f"{PREFIX}adopt"
"""Set by an operator on a machine or an entry of a pool: what becomes of a host that runs Kubernetes already, as in
`Adoption`."""

RUN_PLAYBOOK_ANNOTATION = f"{PREFIX}run-playbook"
"""Set by an operator: a playbook that runs on the provisioned machine (capra.engine.hooks.asked)."""

DEFAULT_WORKING_DIR = "/etc/k0smotron"


class Adoption(StrEnum):
    """What becomes of a host that was a node before it was a machine's. Adopt: a Node of the machine's cluster is taken
    over as it is, and a host without Kubernetes is bootstrapped. Wait: nothing is bootstrapped; it is adopted as soon
    as it is a Node. Reject: a host that runs Kubernetes is left alone."""

    ADOPT = "Adopt"
    WAIT = "Wait"
    REJECT = "Reject"


class CleanUp(StrEnum):
    """What a cleanup without commands of the machine's own takes away (docs/reference/cleanup.md). What Capra wrote
    itself always goes."""

    DEFAULT = "Default"
    """The Kubernetes distribution, and it is verified that nothing of one is left."""
    VERIFY = "Verify"
    """Nothing more; what is left of a distribution is told, and keeps the host out of its pool."""
    NONE = "None"
    """Nothing more, and nobody looks."""


class BecomeMethod(StrEnum):
    """How a user becomes root on the host: Ansible's names."""

    SUDO = "sudo"
    DOAS = "doas"
    SU = "su"


BECOME_PLUGINS = {"doas": "capra.machine.doas", "su": "ansible.builtin.su"}
"""Ansible's plugins for the ways to become root, where it would take sudo."""


class HostKeyPolicy(StrEnum):
    """Which host keys are believed beside those that a manifest pins."""

    ACCEPT_NEW = "accept-new"
    """The first one that a host shows, by OpenSSH's name for it."""
    STRICT = "strict"
    """None but those that were seen or pinned before: no other host is contacted."""


class Stage(StrEnum):
    """When a playbook of the user's runs: the name of the list in `spec.ansible`, or `runPlaybook` where the annotation
    asks for it."""

    BEFORE_BOOTSTRAP = "beforeBootstrap"
    AFTER_BOOTSTRAP = "afterBootstrap"
    BEFORE_CLEAN_UP = "beforeCleanUp"
    RUN_PLAYBOOK = "runPlaybook"


SPEC_STAGES = (Stage.BEFORE_BOOTSTRAP, Stage.AFTER_BOOTSTRAP, Stage.BEFORE_CLEAN_UP)
"""Those that `spec.ansible` has a list for."""


@dataclass(frozen=True)
class TextSource:
    """Where a text is. kind: `ConfigMap` or `Secret`, in the machine's namespace, or `file`. name: of the object, or
    the path of the file. key: in the object; empty for a file."""

    kind: str
    name: str
    key: str = ""

    def __str__(self) -> str:
        return f"{self.kind} {self.name} with key {self.key!r}" if self.key else f"{self.kind} {self.name}"


@dataclass(frozen=True)
class Hook:
    """A playbook of the user's that runs on the machine. name: unique in its stage. variables: a YAML mapping.
    collections: those of Ansible that it needs, each `namespace.name`."""

    name: str
    playbook: TextSource
    variables: TextSource | None = None
    collections: tuple[str, ...] = ()


@dataclass(frozen=True)
class Ansible:
    """`spec.ansible`, Capra's own: the playbooks of each stage, in their order. False without any."""

    before_bootstrap: tuple[Hook, ...] = ()
    after_bootstrap: tuple[Hook, ...] = ()
    before_clean_up: tuple[Hook, ...] = ()

    def of(self, stage: Stage) -> tuple[Hook, ...]:
        """The hooks of a stage of `SPEC_STAGES`."""
        return {
            Stage.BEFORE_BOOTSTRAP: self.before_bootstrap,
            Stage.AFTER_BOOTSTRAP: self.after_bootstrap,
            Stage.BEFORE_CLEAN_UP: self.before_clean_up,
        }[stage]

    def __bool__(self) -> bool:
        return any(self.of(stage) for stage in SPEC_STAGES)


@dataclass(frozen=True, order=True)
class MachineKey:
    """What names a machine: kind, namespace and name."""

    namespace: str
    name: str
    kind: str = "RemoteMachine"

    def __str__(self) -> str:
        return f"{self.kind} {self.namespace}/{self.name}"


@dataclass(frozen=True)
class MachineSpec:
    """`spec` of a RemoteMachine, or `spec.machine` of a PooledRemoteMachine (docs/reference/contract.md).

    ssh_key_name: the Secret of `sshKeyRef`, in the machine's namespace, whose key `value` holds the private key.
    become_method: `becomeMethod`, for `use_sudo`. become_secret, become_key: the Secret of `becomePasswordRef`, in the
    same namespace, and its key; both empty where there is none. Capra's own.
    clean_up_commands: `cleanUpCommands` (v1beta2) or `customCleanUpCommands` (v1beta1).
    clean_up: `cleanUp`, Capra's own; None where it is left to the bootstrap provider's kind.
    host_keys: pinned host keys, each `TYPE BASE64` as in a known_hosts file, `SHA256:…` or
    `@cert-authority TYPE BASE64`; Capra's own, optional.
    provision_job: `provisionJob`, the Job that reaches the host; None where Capra does. ansible: the user's playbooks.
    bastion: the host that leads to it, Capra's own; None where it is reached directly.
    """

    address: str = ""
    port: int = 22
    user: str = "root"
    use_sudo: bool = False
    become_method: BecomeMethod = BecomeMethod.SUDO
    become_secret: str = ""
    become_key: str = ""
    commands_as_script: bool = False
    working_dir: str = DEFAULT_WORKING_DIR
    ssh_key_name: str = ""
    clean_up_commands: tuple[str, ...] = ()
    clean_up: CleanUp | None = None
    provider_id: str = ""
    pool: str = ""
    host_keys: tuple[str, ...] = ()
    provision_job: ProvisionJob | None = None
    ansible: Ansible = Ansible()
    bastion: Bastion | None = None

    @property
    def bastions(self) -> tuple[Bastion, ...]:
        """All that lead to it, from the one beside it outwards."""
        return self.bastion.chain if self.bastion else ()

    @property
    def key_names(self) -> tuple[str, ...]:
        """The Secrets with the SSH keys of the machine and its bastions, each once; the machine's may have no name."""
        return tuple(dict.fromkeys([self.ssh_key_name, *filter(None, (one.ssh_key_name for one in self.bastions))]))

    @property
    def secret_names(self) -> tuple[str, ...]:
        """Those, and the Secret with a password for root, as far as they have names."""
        return tuple(dict.fromkeys(filter(None, (*self.key_names, self.become_secret))))

    @property
    def place(self) -> str:
        """Address and port, as people read them."""
        return join_host_port(self.address, self.port)


@dataclass(frozen=True)
class RemoteMachine:
    """One machine. uid: empty where no API server gave one. deleting: it is to become a clean host again."""

    key: MachineKey
    spec: MachineSpec
    uid: str = ""
    deleting: bool = False
    labels: Mapping[str, str] = field(default_factory=dict)
    annotations: Mapping[str, str] = field(default_factory=dict)

    @property
    def provider_id(self) -> str:
        """`remote-machine://<address>:<port>`, the reference's form."""
        return f"remote-machine://{self.spec.address}:{self.spec.port}"
