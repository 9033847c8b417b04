"""Whether this machine has what a run needs: programs, packages, room. Starts `ssh -V`, and contacts nobody."""

from __future__ import annotations

import platform
import shutil
import subprocess
from collections.abc import Iterator
from importlib import metadata

import capra
from capra.errors import CapraError
from capra.model.finding import Finding, Level
from capra.runs.paths import collections_path, private_base

PACKAGES = ("ansible-core", "ansible-runner")
PROGRAMS = ("ssh", "ssh-keyscan")
LEAST_ROOM = 64 * 2**20
"""Bytes for the private directories of runs: 50 of them have a MiB each."""


def run_findings() -> Iterator[Finding]:
    """Of this machine."""
    yield Finding("capra", Level.OK, capra.__version__, f"with Python {platform.python_version()}")
    yield from map(_package, PACKAGES)
    yield from map(_program, PROGRAMS)
    try:
        yield Finding("collection", Level.OK, str(collections_path()), "holds capra.machine")
    except CapraError as error:
        yield Finding("collection", Level.ERROR, "missing", str(error), "reinstall Capra")
    base = private_base()
    free = shutil.disk_usage(base).free
    room = f"{base}: {free // 2**20} MiB free"
    if free < LEAST_ROOM:
        yield Finding("private directory", Level.WARNING, room, "is short of room for runs", f"make room in {base}")
    else:
        yield Finding("private directory", Level.OK, room, "is where runs keep their keys")


def _package(name: str) -> Finding:
    try:
        return Finding(name, Level.OK, metadata.version(name), "is installed")
    except metadata.PackageNotFoundError:
        return Finding(name, Level.ERROR, "missing", "no run can be made without it", f"pip install {name}")


def _program(name: str) -> Finding:
    path = shutil.which(name)
    if path is None:
        advice = "install OpenSSH's client (Debian: apt install openssh-client)"
        return Finding(name, Level.ERROR, "missing", "no host can be reached without it", advice)
    return Finding(name, Level.OK, _version(path) if name == "ssh" else path, "is installed")


def _version(path: str) -> str:
    try:
        done = subprocess.run([path, "-V"], capture_output=True, text=True, timeout=10, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return path
    return (done.stderr or done.stdout).strip().partition(",")[0] or path
