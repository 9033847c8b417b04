"""The settings of the controller."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from capra.errors import InputError
from capra.model.machine import CleanUp, HostKeyPolicy
from capra.settings.reading import Flag, derived, flag_name, setting
from capra.settings.terminal import state_home
from capra.settings.values import (
    KeepLimits,
    ListenAddress,
    boolean,
    duration,
    interval,
    keep_limits,
    listen_address,
    one_of,
    whole_number,
)

SWITCH = "[=true|false]"
ELECTION, SERVING, LOG, HOOKS = "Leader election", "Probes and metrics", "Log", "Playbooks of machines"

JITTER = 1.2
"""A candidate waits up to this many retry periods before it asks for the Lease again (client-go's JitterFactor)."""


class LogFormat(StrEnum):
    """How the log is written."""

    JSON = "json"
    CONSOLE = "console"


class LogLevel(StrEnum):
    """The least level that is written."""

    DEBUG = "debug"
    INFO = "info"
    WARNING = "warning"
    ERROR = "error"


class TlsVersion(StrEnum):
    """The least version of TLS, by Go's names, which Cluster API's flags use."""

    TLS12 = "VersionTLS12"
    TLS13 = "VersionTLS13"


@dataclass(frozen=True)
class ControllerSettings:
    """All settings. Times are in seconds. Empty text stands for 'not given'.

    The names of the flags are those of Cluster API's own controllers (clusterctl's provider contract). Raises
    InputError where values do not fit each other.
    """

    namespace: str = setting("", str, Flag("NAME", "Only this namespace.", default="all"))
    """The only namespace whose objects are reconciled; empty means all."""

    watch_filter: str = setting(
        "", str, Flag("VALUE", "Only objects whose label cluster.x-k8s.io/watch-filter has this value.", default="all")
    )
    """Only objects whose label `cluster.x-k8s.io/watch-filter` has this value are reconciled; empty means all."""

    leader_elect: bool = setting(False, boolean, Flag(SWITCH, "Work only while holding a Lease.", panel=ELECTION))
    """Work only while holding a Lease, so that several replicas may run."""

    leader_elect_lease_duration: float = setting(
        15.0,
        duration,
        Flag("TIME", "Another replica may take a Lease that has not been renewed for this time.", panel=ELECTION),
    )
    """Seconds after the holder's last renewal until another replica may take the Lease; at least 1."""

    leader_elect_renew_deadline: float = setting(
        10.0,
        duration,
        Flag("TIME", "The leader stops when it could not renew its Lease for this time.", panel=ELECTION),
    )
    """Seconds after its last renewal until the holder stops its work; less than the lease duration. What lies between
    the two is the time its work has to end."""

    leader_elect_retry_period: float = setting(2.0, duration, Flag("TIME", "Between two attempts.", panel=ELECTION))
    """Seconds between two renewals, or two attempts to become the leader."""

    leader_election_namespace: str = setting(
        "", str, Flag("NAME", "Where the Lease is.", panel=ELECTION, default="the Pod's own")
    )
    """Where the Lease is; by default the namespace of the controller's own Pod, outside a cluster `capra-system`."""

    diagnostics_address: ListenAddress | None = setting(
        ListenAddress("", 8443),
        listen_address,
        Flag(
            "ADDRESS",
            "Where /metrics, /logs and /page are: host:port, :port, or 0 for nowhere.",
            panel=SERVING,
            also=("--metrics-bind-address",),
        ),
    )
    """Where /metrics, /logs and /page are served, over https and to those who may read it; None for nowhere."""

    insecure_diagnostics: bool = setting(
        False, boolean, Flag(SWITCH, "Serve /metrics over plain http and to everybody.", panel=SERVING)
    )
    """Serve /metrics over plain http and to everybody."""

    page: bool = setting(
        False, boolean, Flag(SWITCH, "Serve a page for browsers below /page, over https.", panel=SERVING)
    )
    """Serve a page for browsers below /page, over https and to those who may read the path."""

    tls_min_version: TlsVersion = setting(
        TlsVersion.TLS12,
        one_of(TlsVersion),
        Flag("VERSION", "VersionTLS12 or VersionTLS13, for /metrics.", panel=SERVING),
    )
    """The least version of TLS for /metrics."""

    health_addr: ListenAddress | None = setting(
        ListenAddress("", 9440),
        listen_address,
        Flag(
            "ADDRESS",
            "Where /healthz and /readyz are: host:port, :port, or 0 for nowhere.",
            panel=SERVING,
            also=("--health-probe-bind-address",),
        ),
    )
    """Where /healthz and /readyz are served, over http; None for nowhere."""

    concurrency: int = setting(50, whole_number(1), Flag("N", "Runs on hosts at once."))
    """Runs on hosts at once, at least 1."""

    warm_runs: bool = setting(True, boolean, Flag(SWITCH, "Fork runs from a process that has Ansible in memory."))
    """Let one process that has Ansible in memory fork all runs, instead of starting Ansible for each."""

    cleanup_timeout: float = setting(
        1800.0, duration, Flag("TIME", "A cleanup that has not succeeded by then is given up, visibly.")
    )
    """Seconds after which a cleanup that does not succeed is given up, visibly."""

    probe_interval: float = setting(
        0.0, interval, Flag("TIME", "Probe each host of a pool that nobody has in this time; 0 probes none.")
    )
    """Seconds in which each host of a pool that nobody has is probed: whether it can be reached, and what would get in
    the way of a bootstrap. An entry whose host fails that is not handed out. 0, the default, probes none."""

    probe_concurrency: int = setting(8, whole_number(1), Flag("N", "Probes at once, beside the runs."))
    """Probes at once, at least 1. They take no room from `concurrency`."""

    default_clean_up: CleanUp | None = setting(
        None,
        one_of(CleanUp),
        Flag(
            "MODE",
            "Default, Verify or None, for machines whose cleanUp is not set.",
            default="Default for k0s, else Verify",
        ),
    )
    """What is cleaned where a machine's `cleanUp` is not set; None leaves it to its bootstrap provider's kind."""

    verify_custom_cleanup: bool = setting(
        False, boolean, Flag(SWITCH, "After cleanUpCommands, files that are left make a cleanup fail, too.")
    )
    """After commands of the machine's own, what only lies on the host makes the cleanup fail, too."""

    host_key_policy: HostKeyPolicy = setting(
        HostKeyPolicy.ACCEPT_NEW,
        one_of(HostKeyPolicy),
        Flag("POLICY", "accept-new, or strict: contact no host of which no key is known."),
    )
    """`accept-new` believes the first key that a host or a bastion shows; `strict` contacts none of which no key is
    known, by `hostKeys` or from an earlier contact."""

    allow_hooks: bool = setting(
        False,
        boolean,
        Flag(SWITCH, "Run playbooks that machines ask for. They can do what the controller can.", panel=HOOKS),
    )
    """Run the playbooks of `spec.ansible`. They run on the controller's side, and so whoever writes machines in any
    namespace can do what the controller can, in the whole cluster."""

    hook_timeout: float = setting(1800.0, duration, Flag("TIME", "For one playbook on one host.", panel=HOOKS))
    """Seconds after which a playbook of a machine's is ended, and has failed."""

    keep_output: KeepLimits = setting(
        KeepLimits(),
        keep_limits,
        Flag("SIZE[,AGE]", "Keep the redacted output of runs, for `capra logs`; 0 keeps none."),
    )
    """How much of the redacted output of runs is kept, in `capra/output` below `$XDG_STATE_HOME`, by default
    `~/.local/state`; 0 keeps none."""

    state_directory: Path = derived(lambda environment: state_home(environment) / "capra")
    """Where that is kept."""

    sync_period: float = setting(600.0, duration, Flag("TIME", "Look at every object again after this time."))
    """Seconds after which every object is looked at again although nothing has changed."""

    log_format: LogFormat = setting(LogFormat.JSON, one_of(LogFormat), Flag("FORMAT", "json or console.", panel=LOG))
    """`json` for machines, `console` for people."""

    log_level: LogLevel = setting(
        LogLevel.INFO, one_of(LogLevel), Flag("LEVEL", "debug, info, warning or error.", panel=LOG)
    )
    """`debug`, `info`, `warning` or `error`."""

    kubeconfig: str = setting(
        "",
        str,
        Flag("FILE", "How to reach the cluster.", default="the Pod's service account, $KUBECONFIG, ~/.kube/config"),
    )
    """File that says how to reach the cluster; by default the Pod's own service account, outside a cluster
    `$KUBECONFIG` or `~/.kube/config`."""

    def __post_init__(self) -> None:
        lease, deadline = self.leader_elect_lease_duration, self.leader_elect_renew_deadline
        if lease < 1:
            raise InputError("must be at least 1 second", subject=flag_name("leader_elect_lease_duration"))
        if not deadline < lease:
            problem = f"must be less than the lease duration ({lease:g} s)"
            raise InputError(problem, subject=flag_name("leader_elect_renew_deadline"))
        if not self.leader_elect_retry_period * JITTER < deadline:
            problem = f"must be less than {deadline / JITTER:g} s, so that a renewal can be tried again in time"
            raise InputError(problem, subject=flag_name("leader_elect_retry_period"))
        if self.page and (self.insecure_diagnostics or self.diagnostics_address is None):
            other = "without --insecure-diagnostics" if self.insecure_diagnostics else "with a --diagnostics-address"
            raise InputError(f"is served over https, on the port of the diagnostics: only {other}", subject="--page")
