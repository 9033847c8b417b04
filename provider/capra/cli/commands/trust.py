"""`capra trust`."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Sequence

import typer

from capra.cli.errors import ExitCode, note
from capra.cli.options.trust import Options
from capra.cli.output.report import print_json
from capra.errors import Fatal, InputError
from capra.local.state import StateDirectory
from capra.model.host_port import ssh_place
from capra.model.keys.host_key import fingerprint
from capra.runs.ssh import config, keyscan
from capra.settings import Output


def trust(options: Options) -> int:
    """Returns the exit code."""
    settings = options.settings()
    address, port = parse_place(options.place)
    if options.fingerprint and not options.fingerprint.startswith("SHA256:"):
        raise InputError("must begin with 'SHA256:', as ssh-keygen -l shows it", subject="fingerprint")
    keys = asyncio.run(keyscan.scan(address, port, config.OWN_FILES))
    chosen = _matching(keys, options.fingerprint) if options.fingerprint else _asked(keys, options.place)
    state = StateDirectory(settings.state_directory)
    state.prepare()
    state.known_hosts.pin(address, port, chosen)
    shown = ", ".join(_shown(key) for key in chosen)
    note(f"pinned for {options.place}: {shown}; spec.hostKeys in a manifest comes first")
    if settings.output is Output.JSON:
        pinned = [{"type": key.split()[0], "fingerprint": fingerprint(key)} for key in chosen]
        print_json({"address": address, "port": port, "pinned": pinned})
    return ExitCode.DONE


def parse_place(place: str) -> tuple[str, int]:
    """`address`, `address:port`, an IPv6 address, or `[address]:port`. Raises InputError."""
    try:
        return ssh_place(place)
    except ValueError as error:
        raise InputError(str(error), subject=place) from None


def _shown(key: str) -> str:
    return f"{key.partition(' ')[0]} {fingerprint(key)}"


def _matching(keys: Sequence[str], wanted: str) -> list[str]:
    found = [key for key in keys if fingerprint(key) == wanted.rstrip("=")]
    if not found:
        shows = ", ".join(_shown(key) for key in keys)
        raise Fatal(f"no key of the host has the fingerprint {wanted}; nothing was changed. It shows: {shows}")
    return found


def _asked(keys: Sequence[str], place: str) -> list[str]:
    for key in keys:
        note(f"{place} shows {_shown(key)}")
    if not sys.stdin.isatty():
        problem = "give the fingerprint too: without a terminal nobody can be asked whether these keys are right"
        raise Fatal(f"{place}: {problem}")
    if not typer.confirm("Are these the host's own keys?", err=True):
        raise Fatal("nothing was changed")
    return list(keys)
