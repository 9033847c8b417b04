"""The way through bastions, in files of a run's private directory (docs/decisions/0041).

Each bastion has a directory of its own with its key, its known hosts and a whole configuration, in which an ssh for
that bastion alone passes the session on (`-W`). ProxyJump would read the configuration of the host itself, or of the
caller. Nothing of a key ever leaves this side.
"""

from __future__ import annotations

import shlex
from collections.abc import Mapping, Sequence
from pathlib import Path

from capra.model.bastion import Bastion
from capra.model.run import Connection
from capra.runs.directory.private import write_private
from capra.runs.paths import BASTION_SSH
from capra.runs.ssh.options import CONNECT_TIMEOUT, KNOWN_HOSTS, one_file, session_options, write_known

SAID_LIMIT = 4096
"""Bytes of the end of what OpenSSH has said of one bastion that are looked at."""


def lay_out_bastions(
    directory: Path, connection: Connection, keys: Sequence[str], certificates: Sequence[str] = ()
) -> str:
    """Write what leads through the bastions. keys: SSH private keys in OpenSSH's format, one for each of them.
    certificates: of these keys, as in RunSecrets. Gives the line for the host's own configuration; empty without
    bastions."""
    way = ""
    for number, (bastion, key) in reversed(list(enumerate(zip(connection.bastions, keys, strict=True)))):
        place = _place(directory, number)
        place.mkdir(mode=0o700)
        write_private(place / "key", key.encode())
        if certificate := certificates[number] if certificates else "":
            # OpenSSH looks for it beside the key.
            write_private(place / "key-cert.pub", f"{certificate}\n".encode())
        write_known(place, bastion.address, bastion.port, bastion.host_keys)
        # The one further out gives up first, so that it is the one that says why.
        patience = CONNECT_TIMEOUT * (len(connection.bastions) - number)
        options = _options(bastion, place, patience)
        lines = "".join(f"{name} {value}\n" for name, value in options.items())
        write_private(place / "ssh_config", (lines + way).encode())
        way = f"ProxyCommand {_command(place, bastion)}\n"
    return way


def _options(bastion: Bastion, place: Path, patience: int) -> Mapping[str, str]:
    return {
        **session_options(place, bastion.address, bastion.port, bastion.host_keys),
        "IdentityFile": one_file(place / "key"),
        # With the note that it has let us in: what comes before it is a banner at most.
        "LogLevel": "VERBOSE",
        "ConnectTimeout": str(patience),
    }


def _command(place: Path, bastion: Bastion) -> str:
    """OpenSSH gives it to a shell, and a percent sign begins one of its tokens."""
    before, behind = ["sh", str(BASTION_SSH), str(place)], [bastion.user, str(bastion.port), bastion.address]
    words = [*map(_quoted, before), "'[%h]:%p'", *map(_quoted, behind)]
    return " ".join(words)


def _quoted(word: str) -> str:
    return shlex.quote(word).replace("%", "%%")


def new_bastion_keys(directory: Path, connection: Connection) -> tuple[str, ...]:
    """The keys that were accepted at first contact, each `NAME TYPE BASE64`."""
    found: list[str] = []
    for number, bastion in enumerate(connection.bastions):
        if not bastion.host_keys:
            lines = (_place(directory, number) / KNOWN_HOSTS).read_text().splitlines()
            found += [" ".join([bastion.name, *line.split()[1:3]]) for line in lines if len(line.split()) >= 3]
    return tuple(found)


def bastions_said(directory: Path, connection: Connection) -> tuple[str, ...]:
    """What OpenSSH has said of each bastion the last time; empty where it had nothing to say, or was never asked."""
    return tuple(_said(_place(directory, number) / "said") for number in range(len(connection.bastions)))


def _said(file: Path) -> str:
    try:
        return file.read_bytes()[-SAID_LIMIT:].decode("utf-8", "replace").strip()
    except FileNotFoundError:
        return ""


def _place(directory: Path, number: int) -> Path:
    return directory / f"bastion-{number}"
