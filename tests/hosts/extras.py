"""Root file systems with more packages: copies of others, for the tests that need just these.

They live beside those of the inits, in `rootfs/<name>-<key>`; the key is a hash of the key of what they are copied
from, of their packages, and of the text of this module.
"""

from __future__ import annotations

import hashlib
import shutil
from dataclasses import dataclass
from pathlib import Path

from . import apt, rootfs
from .process import run

CLOUD_INIT = "cloud-init"
TOOLS = "tools"
DOAS = "doas"

CLOUD_INIT_OFF = "etc/cloud/cloud-init.disabled"
"""No service of cloud-init starts at a boot where this file is: tests call it."""


@dataclass(frozen=True)
class Extra:
    """base: an init, or another of these. packages: what is installed on top of it, with what that needs."""

    base: str
    packages: tuple[str, ...]
    python: bool = False
    """Whether it may have Python."""


EXTRAS: dict[str, Extra] = {
    # What cloud-init finds on a cloud's image, for both hosts of a comparison.
    TOOLS: Extra("systemd", ("locales", "systemd-timesyncd")),
    DOAS: Extra("systemd", ("opendoas",)),
    CLOUD_INIT: Extra(TOOLS, ("cloud-init",), python=True),
}
"""Name → what there is besides."""


def init_of(name: str) -> str:
    """The init of a root file system."""
    return init_of(EXTRAS[name].base) if name in EXTRAS else name


def key(name: str) -> str:
    """Hash of all that the root file system is made of."""
    if name not in EXTRAS:
        return rootfs.key(name)
    parts = [key(EXTRAS[name].base), repr(EXTRAS[name])]
    return hashlib.sha256("\n".join(parts).encode() + Path(__file__).read_bytes()).hexdigest()[:16]


def place(name: str) -> Path:
    """Where it is, or will be."""
    return rootfs.cache_home() / "rootfs" / f"{name}-{key(name)}"


def ensure(name: str) -> Path:
    """The root file system of that name, an init's as well, built if it is not there (half a minute)."""
    if name not in EXTRAS:
        return rootfs.ensure(name)
    root = place(name)
    if not root.is_dir():
        base = ensure(EXTRAS[name].base)
        with rootfs.alone(root.parent / ".lock"):
            if not root.is_dir():
                _build(name, base)
    return root


def _build(name: str, base: Path) -> None:
    extra = EXTRAS[name]
    downloader = apt.Downloader(apt.mirror(), rootfs.cache_home() / "apt")
    with rootfs.whole(place(name)) as root:
        run("cp", "-a", "--reflink=auto", f"{base}/.", root)
        rootfs.install(downloader, root, extra.packages)
        shutil.rmtree(root / "var/cache/apt/archives", ignore_errors=True)
        if name == CLOUD_INIT:
            (root / CLOUD_INIT_OFF).touch()
        if not extra.python:
            rootfs.refuse_python(root)
