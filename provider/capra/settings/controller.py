"""The knobs of the controller."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from capra.errors import InputError
from capra.settings.reading import flag_name, knob
from capra.settings.values import Address, address, boolean, duration, whole, word

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
    """All knobs. Times are in seconds. Empty text stands for 'not given'.

    The names of the flags are those of Cluster API's own controllers (clusterctl's provider contract). Raises
    InputError where values do not fit each other.
    """

    namespace: str = knob("")
    """The only namespace whose objects are reconciled; empty means all."""

    watch_filter: str = knob("")
    """Only objects whose label `cluster.x-k8s.io/watch-filter` has this value are reconciled; empty means all."""

    leader_elect: bool = knob(False, boolean)
    """Work only while holding a Lease, so that several replicas may run."""

    leader_elect_lease_duration: float = knob(15.0, duration)
    """Seconds after the holder's last renewal until another replica may take the Lease; at least 1."""

    leader_elect_renew_deadline: float = knob(10.0, duration)
    """Seconds after its last renewal until the holder stops its work; less than the lease duration. What lies between
    the two is the time its work has to end."""

    leader_elect_retry_period: float = knob(2.0, duration)
    """Seconds between two renewals, or two attempts to become the leader."""

    leader_election_namespace: str = knob("")
    """Where the Lease is; by default the namespace of the controller's own Pod, outside a cluster `capra-system`."""

    diagnostics_address: Address | None = knob(Address("", 8443), address)
    """Where /metrics is served, over https and to those who may read it; None for nowhere."""

    insecure_diagnostics: bool = knob(False, boolean)
    """Serve /metrics over plain http and to everybody."""

    tls_min_version: TlsVersion = knob(TlsVersion.TLS12, word(TlsVersion))
    """The least version of TLS for /metrics."""

    health_addr: Address | None = knob(Address("", 9440), address)
    """Where /healthz and /readyz are served, over http; None for nowhere."""

    concurrency: int = knob(50, whole(1))
    """Machines that are worked on at once, at least 1."""

    warm_runs: bool = knob(True, boolean)
    """Let one process that has Ansible in memory fork all runs, instead of starting Ansible anew for each."""

    cleanup_timeout: float = knob(1800.0, duration)
    """Seconds after which a cleanup that does not succeed is given up, visibly."""

    sync_period: float = knob(600.0, duration)
    """Seconds after which every object is looked at again although nothing has changed."""

    log_format: LogFormat = knob(LogFormat.JSON, word(LogFormat))
    """`json` for machines, `console` for people."""

    log_level: LogLevel = knob(LogLevel.INFO, word(LogLevel))
    """`debug`, `info`, `warning` or `error`."""

    kubeconfig: str = knob("")
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
