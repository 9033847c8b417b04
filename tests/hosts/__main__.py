"""`python3 -m tests.hosts`: bring test hosts up, use them, take them down."""

from __future__ import annotations

import argparse
import os
import shlex
import signal
import sys
import time
from pathlib import Path
from types import FrameType

from . import extras, rootfs, state
from .errors import HostError, Unavailable
from .group import Hosts, take_down, take_down_left_over

UNAVAILABLE = 69
"""Exit status where this machine cannot (EX_UNAVAILABLE); 1: it should have; 2: wrong arguments."""


def parser() -> argparse.ArgumentParser:
    top = argparse.ArgumentParser(prog="python3 -m tests.hosts", description=__doc__)
    commands = top.add_subparsers(dest="command", required=True)
    inits = tuple(rootfs.INIT_PACKAGES)
    names = (*inits, *extras.EXTRAS)

    assets = commands.add_parser("assets", help="build what hosts need, once (root)")
    assets.add_argument("--init", choices=names, action="append", help="only this one; repeatable")

    up = commands.add_parser("up", help="bring hosts up")
    up.add_argument("--count", type=int, default=1)
    up.add_argument("--init", choices=inits, default="systemd")
    up.add_argument("--name", default="host", help="prefix of the names (default: host)")
    up.add_argument("--backend", choices=("nspawn", "bare", "loopback", "auto"), default="nspawn")
    up.add_argument("--state-dir", type=Path, required=True)

    down = commands.add_parser("down", help="take hosts down; nothing is left of them")
    which = down.add_mutually_exclusive_group(required=True)
    which.add_argument("--state-dir", type=Path)
    which.add_argument("--all", action="store_true", help="all of this user's whose owner is gone")

    listing = commands.add_parser("list", help="what is up")
    listing.add_argument("--state-dir", type=Path, help="the hosts of one group")

    reboot = commands.add_parser("reboot", help="boot a host again and wait for it")
    reboot.add_argument("name")
    reboot.add_argument("--hard", action="store_true", help="as if power was cut")
    reboot.add_argument("--state-dir", type=Path, required=True)

    execute = commands.add_parser("exec", help="run a command on a host through ssh: exec NAME -- COMMAND…")
    execute.add_argument("--user", help="default: root")
    execute.add_argument("--state-dir", type=Path, required=True)
    execute.add_argument("name")
    execute.add_argument("words", nargs="+", metavar="COMMAND")
    return top


def main(arguments: list[str] | None = None) -> int:
    options = parser().parse_args(arguments)
    # A run that is told to end takes down what it has begun.
    signal.signal(signal.SIGTERM, _interrupt)
    try:
        return int(COMMANDS[options.command](options) or 0)
    except Unavailable as error:
        print(f"unavailable: {error}", file=sys.stderr)
        return UNAVAILABLE
    except (HostError, OSError, KeyError, ValueError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130


def _interrupt(_signal: int, _frame: FrameType | None) -> None:
    raise KeyboardInterrupt


def assets(options: argparse.Namespace) -> None:
    for init in options.init or (*rootfs.INIT_PACKAGES, *extras.EXTRAS):
        began = time.monotonic()
        print(f"{init}: {extras.ensure(init)} ({time.monotonic() - began:.1f} s)", flush=True)


def up(options: argparse.Namespace) -> None:
    began = time.monotonic()
    hosts = Hosts.up(options.count, options.init, options.name, options.state_dir, options.backend, owned=False)
    for host in hosts:
        print(f"{host.name}: {shlex.join(host.ssh_command())}")
    print(f"{len(hosts)} up in {time.monotonic() - began:.1f} s; {hosts.inventory}")


def down(options: argparse.Namespace) -> None:
    if options.all:
        gone, kept = take_down_left_over()
        print(f"taken down: {len(gone)}; left alone, their owner lives: {len(kept)}")
        return
    group = state.load(options.state_dir)
    if group is not None:
        take_down(group)


def listing(options: argparse.Namespace) -> None:
    if options.state_dir is not None:
        for host in Hosts.load(options.state_dir):
            print(f"{host.name}\t{host.address}\t{host.port}\t{host.init}\t{host.root}")
        return
    for group in state.registered():
        owner = f"process {group.owner_pid}" if group.in_use else "nobody"
        print(f"{group.state_dir}\t{len(group.names)} × {group.init} ({group.backend})\towner: {owner}")


def reboot(options: argparse.Namespace) -> None:
    host = Hosts.load(options.state_dir).named(options.name)
    host.reboot(options.hard)
    print(f"{host.name}: boot id {host.boot_id()}")


def execute(options: argparse.Namespace) -> None:
    host = Hosts.load(options.state_dir).named(options.name)
    sys.stdout.flush()
    # Like ssh itself, so that input, output and status are the command's own.
    os.execvp("ssh", [*host.ssh_command(options.user), *options.words])


COMMANDS = {"assets": assets, "up": up, "down": down, "list": listing, "reboot": reboot, "exec": execute}

if __name__ == "__main__":
    sys.exit(main())
