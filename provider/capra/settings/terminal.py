"""The settings of the terminal."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from capra.model.machine import HostKeyPolicy
from capra.settings.reading import derived, setting
from capra.settings.values import KeepLimits, boolean, keep_limits, one_of, whole_number

DEFAULT_SENTINEL = "/run/cluster-api/bootstrap-success.complete"


class Output(StrEnum):
    """What a command prints on standard output."""

    TABLE = "table"
    JSON = "json"


def state_home(environment: Mapping[str, str]) -> Path:
    """`$XDG_STATE_HOME`, or `~/.local/state` where it is not set or not absolute (XDG Base Directory)."""
    given = Path(environment.get("XDG_STATE_HOME", ""))
    home = Path(environment["HOME"]) if environment.get("HOME") else Path.home()
    return given if given.is_absolute() else home / ".local" / "state"


@dataclass(frozen=True)
class Settings:
    """All settings. Empty text stands for 'not given'."""

    state_directory: Path = derived(lambda environment: state_home(environment) / "capra")
    """What is remembered between two commands: `capra` in `$XDG_STATE_HOME`, by default in `~/.local/state`."""

    concurrency: int = setting(50, whole_number(1))
    """Machines that are worked on at once, at least 1."""

    timeout: int = setting(0, whole_number(0))
    """Seconds for a run on one host; 0 means 3600 for a bootstrap and 900 for a cleanup."""

    hook_timeout: int = setting(1800, whole_number(1))
    """Seconds for one playbook of the user's on one host."""

    warm_runs: bool = setting(True, boolean)
    """Let one process that has Ansible in memory fork all runs, instead of starting Ansible for each."""

    output: Output = setting(Output.TABLE, one_of(Output))
    """`table` for people, `json` for scripts."""

    verbose: int = setting(0, whole_number(0))
    """1 shows the output of every step, 2 also what Ansible prints, and Capra's own log."""

    ssh_key: str = setting("")
    """File with the SSH private key for every machine, instead of their Secrets."""

    ssh_key_passphrase_file: str = setting("")
    """File with the passphrase of SSH private keys whose Secret has none."""

    ssh_certificate: str = setting("")
    """File with the OpenSSH user certificate of the SSH private key."""

    become_password_file: str = setting("")
    """File with the password for root, which sudo, doas or su ask for."""

    host_key_policy: HostKeyPolicy = setting(HostKeyPolicy.ACCEPT_NEW, one_of(HostKeyPolicy))
    """`accept-new` believes the first key that a host or a bastion shows; `strict` contacts none of which no key is
    known, by `hostKeys`, by `capra trust` or from an earlier contact."""

    keep_output: KeepLimits = setting(KeepLimits(), keep_limits)
    """How much of the redacted output of runs is kept in the state directory, for `capra logs`: 64Mi, for 168 hours."""

    artifacts: str = setting("")
    """Directory that keeps ansible-runner's artifacts, redacted; none are kept without it."""

    sentinel: str = setting(DEFAULT_SENTINEL)
    """Path on the host of the file that proves a bootstrap (Cluster API's contract)."""

    host_state_directory: str = setting("")
    """Directory on the host for the journals; by default /var/lib/capra, or the user's own without root."""

    k0s_data_dir: str = setting("")
    """The data directory of k0s on the host; by default what its service says."""

    k0s_binary: str = setting("")
    """The path of k0s on the host; by default it is looked for."""
