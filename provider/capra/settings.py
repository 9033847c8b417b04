"""Every knob of Capra's terminal, with its unit and its default. The only reader of the environment.

A flag on the command line counts before a variable of the environment, and that before the default. The variable of a
knob is its name in capitals with `CAPRA_` before it: `CAPRA_CONCURRENCY`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from enum import StrEnum
from pathlib import Path
from typing import Any

from capra.errors import InputError

PREFIX = "CAPRA_"
DEFAULT_SENTINEL = "/run/cluster-api/bootstrap-success.complete"


class Output(StrEnum):
    """What a command prints on standard output."""

    TABLE = "table"
    JSON = "json"


@dataclass(frozen=True)
class Settings:
    """All knobs. Empty text stands for 'not given'."""

    state_directory: Path = field(default_factory=lambda: state_home({}) / "capra")
    """What is remembered between two commands: `capra` in `$XDG_STATE_HOME`, by default in `~/.local/state`."""

    concurrency: int = 50
    """Machines that are worked on at once, at least 1."""

    timeout: int = 0
    """Seconds for a run on one host; 0 means 3600 for a bootstrap and 900 for a cleanup."""

    output: Output = Output.TABLE
    """`table` for people, `json` for scripts."""

    verbose: int = 0
    """1 shows the output of every step, 2 also what Ansible prints, and Capra's own log."""

    ssh_key: str = ""
    """File with the SSH private key for every machine, instead of their Secrets."""

    become_password_file: str = ""
    """File with the password that sudo asks for."""

    artifacts: str = ""
    """Directory that keeps ansible-runner's artifacts, redacted; none are kept without it."""

    sentinel: str = DEFAULT_SENTINEL
    """Path on the host of the file that proves a bootstrap (Cluster API's contract)."""

    host_state_directory: str = ""
    """Directory on the host for the journals; by default /var/lib/capra, or the user's own without root."""

    k0s_data_dir: str = ""
    """The data directory of k0s on the host; by default what its service says."""

    k0s_binary: str = ""
    """The path of k0s on the host; by default it is looked for."""


def read(environment: Mapping[str, str], flags: Mapping[str, Any]) -> Settings:
    """The settings. flags: by the knob's name; None where the flag was not given; other names are left alone.

    Raises InputError naming the variable that is wrong.
    """
    values: dict[str, Any] = {"state_directory": state_home(environment) / "capra"}
    for knob in fields(Settings):
        text = environment.get(PREFIX + knob.name.upper(), "")
        if flags.get(knob.name) is not None:
            values[knob.name] = flags[knob.name]
        elif text and knob.name != "state_directory":
            values[knob.name] = _from_text(knob.name, text)
    return Settings(**values)


def state_home(environment: Mapping[str, str]) -> Path:
    """`$XDG_STATE_HOME`, or `~/.local/state` where it is not set or not absolute (XDG Base Directory)."""
    given = Path(environment.get("XDG_STATE_HOME", ""))
    home = Path(environment["HOME"]) if environment.get("HOME") else Path.home()
    return given if given.is_absolute() else home / ".local" / "state"


def _from_text(name: str, text: str) -> Any:
    if name == "output":
        if text not in list(Output):
            raise InputError(f"must be one of {', '.join(Output)}", subject=PREFIX + name.upper())
        return Output(text)
    if name in ("concurrency", "timeout", "verbose"):
        least = 1 if name == "concurrency" else 0
        if not (text.isascii() and text.isdigit() and int(text) >= least):
            raise InputError(f"must be a whole number from {least}", subject=PREFIX + name.upper())
        return int(text)
    return text
