"""The directory of kept runs: one JSON file a run, the oldest removed where there are too many.

<directory>/<kind>.<namespace>.<name>/<time>-<playbook>-<random>.json
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import secrets
import shutil
import threading
import time
from collections import OrderedDict
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path

from capra.engine.ports import Clock
from capra.errors import InputError
from capra.model.machine import MachineKey
from capra.runs.directory.private import write_private
from capra.runs.kept.kept_run import KeptRun, load_kept_run
from capra.settings.values import KeepLimits

MAX_BYTES = 16 * 1024 * 1024
"""Of a file that is read. A run brings back less than one megabyte of output."""

SHOWN = 5
"""Names that are listed before the others are counted."""

LEFT_AFTER = 3600.0
"""Seconds after which a file that is being written was left by a process that has died."""

LONGEST_NAME = 200
"""Characters of a directory's name, of 255 that file systems allow."""

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,199}")
_OTHER = re.compile(r"[^A-Za-z0-9._-]")


def kept_in(state_directory: Path, limits: KeepLimits) -> KeptRuns:
    """What is kept beside the state of a terminal or a controller."""
    return KeptRuns(state_directory / "output", limits)


class KeptRuns:
    """Keeps runs, and finds them again. Used by several threads, and by several processes.

    clock: seconds since the epoch. limits: of everything in the directory. What is under way counts when it has ended.
    """

    def __init__(self, directory: Path, limits: KeepLimits, clock: Clock = time.time) -> None:
        self._directory = directory
        self._limits = limits
        self._clock = clock
        self._guard = threading.Lock()
        self._sizes: OrderedDict[Path, int] | None = None
        self._total = 0

    def new_name(self, playbook: str, now: float) -> str:
        """A name for a run that begins now. Names are in the order of time."""
        return f"{_stamp(now)}-{_OTHER.sub('-', playbook)[:100]}-{secrets.token_hex(3)}"

    def write(self, run: KeptRun) -> None:
        """Keep the run as it is now, and where it has ended remove the oldest of those that are too many. Raises
        OSError."""
        place = self._place(MachineKey(run.namespace, run.machine, run.kind))
        for closed in (self._directory.parent, self._directory, place):
            closed.mkdir(mode=0o700, parents=True, exist_ok=True)
        text = json.dumps(asdict(run), ensure_ascii=False).encode("utf-8", "replace")
        path = place / f"{run.name}.json"
        unnamed = place / f".{run.name}.{secrets.token_hex(3)}"
        try:
            write_private(unnamed, text)
            unnamed.replace(path)
        finally:
            unnamed.unlink(missing_ok=True)
        if run.ended:
            with self._guard:
                self._count(path, len(text))
                self._remove_old(run.ended)

    def names(self, key: MachineKey) -> list[str]:
        """The machine's runs, the oldest first. What is older than the limit is there no more, although it is removed
        only when another run ends."""
        oldest = self._oldest(self._clock())
        return sorted(path.stem for path in self._place(key).glob("*.json") if path.name >= oldest)

    def read(self, key: MachineKey, name: str = "") -> KeptRun:
        """The run of this name; the newest without one. Raises InputError where there is none."""
        names = self.names(key)
        if not names:
            raise InputError(f"has no run whose output was kept; {self._others()}", subject=str(key))
        if name and (not _NAME.fullmatch(name) or name not in names):
            raise InputError(f"has no run {name!r}; it has {', '.join(names[-5:])}", subject=str(key))
        path = self._place(key) / f"{name or names[-1]}.json"
        try:
            with path.open("rb") as file:
                return load_kept_run(json.loads(file.read(MAX_BYTES)))
        except (OSError, ValueError, RecursionError) as error:
            raise InputError(f"cannot be read: {error}", subject=str(path)) from None

    def _others(self) -> str:
        """Which machines have runs, as far as one reads a list."""
        found = [path.name.partition(".")[2].replace(".", "/", 1) for path in sorted(self._directory.glob("*.*.*"))]
        more = f" and {len(found) - SHOWN} more" if len(found) > SHOWN else ""
        return f"there are runs of {', '.join(found[:SHOWN])}{more}" if found else "no machine has one"

    def forget(self, key: MachineKey) -> None:
        """Remove all runs of a machine."""
        shutil.rmtree(self._place(key), ignore_errors=True)

    def _place(self, key: MachineKey) -> Path:
        text = f"{key.kind.lower()}.{key.namespace}.{key.name}".replace("/", "_")
        digest = hashlib.sha256(text.encode()).hexdigest()[:16]
        return self._directory / (text if len(text) <= LONGEST_NAME else f"{text[:LONGEST_NAME]}~{digest}")

    def _oldest(self, now: float) -> str:
        """The name of a run that is as old as may be."""
        return _stamp(max(0.0, now - self._limits.age))

    def _count(self, path: Path, size: int) -> None:
        """Note a file. All that was there before is looked at once, the first time."""
        if self._sizes is None:
            for left in self._directory.glob("*/.*"):  # of writers that were killed
                if _is_old(left):
                    left.unlink(missing_ok=True)
            found = sorted(self._directory.glob("*/*.json"), key=lambda one: one.name)
            self._sizes = OrderedDict((one, _size(one)) for one in found if one != path)
            self._total = sum(self._sizes.values())
        self._total += size - self._sizes.pop(path, 0)
        self._sizes[path] = size

    def _remove_old(self, now: float) -> None:
        assert self._sizes is not None
        oldest = self._oldest(now)
        while self._sizes:
            path = next(iter(self._sizes))
            if self._total <= self._limits.size and path.name >= oldest:
                return
            self._total -= self._sizes.pop(path)
            path.unlink(missing_ok=True)
            with suppress(OSError):
                os.rmdir(path.parent)  # where it was the last


def _is_old(path: Path) -> bool:
    with suppress(OSError):
        return time.time() - path.stat().st_mtime > LEFT_AFTER
    return False


def _stamp(seconds: float) -> str:
    """A time in a name, so that names are in its order."""
    return time.strftime("%Y%m%dT%H%M%S", time.gmtime(seconds))


def _size(path: Path) -> int:
    with suppress(OSError):
        return path.stat().st_size
    return 0
