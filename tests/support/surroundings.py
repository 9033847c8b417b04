"""The surroundings that contained.py describes, made from within:
`surroundings.py SCRATCH UID INSTALLED... -- NEED... -- COMMAND...`.

Run as root by any Python from 3.11, by its path: only the standard library. All happens in place, in a mount namespace
of its own. What is to be seen is held open by file descriptor before anything is hidden: so no mount can hide the
source of another one, wherever the checkout, the interpreter and the scratch directory are.
"""

from __future__ import annotations

import ctypes
import os
import re
import shutil
import stat
import sys
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

RDONLY, REMOUNT, BIND, REC, PRIVATE, NEWNS = 1, 1 << 5, 1 << 12, 1 << 14, 1 << 18, 1 << 17
KEPT = {"nosuid": 2, "nodev": 4, "noexec": 8, "noatime": 1 << 10, "nodiratime": 1 << 11, "relatime": 1 << 21}
"""Options that a mount loses when a remount does not repeat them."""

SHARED_MEMORY = Path("/dev/shm")
KERNELS_OWN = [Path(name) for name in ("/dev", "/proc", "/sys")]
LINKS = 40
"""As many links on one way as Linux follows."""

_libc = ctypes.CDLL(None, use_errno=True)


@dataclass(frozen=True)
class Plan:
    """What is mounted and made."""

    opened: Mapping[Path, int]
    """Directories whose contents are hidden by an empty one, and its mode."""
    links: Mapping[Path, str]
    """Links to make anew, and what they hold."""
    copied: frozenset[Path]
    """What is shown at its place as a copy that all may read."""
    shown: frozenset[Path]
    """What is shown at its place as it is."""

    def steps(self) -> list[Path]:
        """All places, those above before those below."""
        return sorted({*self.opened, *self.links, *self.copied, *self.shown}, key=lambda path: len(path.parts))


def plan(installed: Iterable[Path], needs: Iterable[Path], new: Mapping[Path, int]) -> Plan:
    """How anybody can reach all of these, and read what is installed; whether the needs can be read is the test's own
    affair. new: directories that are to be empty, and their modes."""
    ways = [list(_way(path)) for path in installed]
    copied = {way[-1] for way in ways if way[-1] not in new and not _all_may_read(way[-1])}
    ways += [list(_way(path)) for path in needs]

    def comes_with_a_copy(step: Path) -> bool:
        return next((above in copied for above in step.parents if above in copied or above in new), False)

    steps = {step for way in ways for step in way if not comes_with_a_copy(step)}
    passed = steps & {step for way in ways for step in way[:-1]}
    opened = {**{step: 0o755 for step in passed if step.is_dir() and not _may_enter(step)}, **new}
    hidden = {step for step in steps if not opened.keys().isdisjoint(step.parents)}
    return Plan(
        opened=opened,
        links={step: str(step.readlink()) for step in hidden if step.is_symlink()},
        copied=frozenset(copied & steps),
        shown=frozenset(hidden & {way[-1] for way in ways} - copied - new.keys()),
    )


def _way(path: Path) -> Iterator[Path]:
    """All directories and links that lead to a place; the last is what is there, and no link."""
    left, at, links = list(reversed(path.absolute().parts[1:])), Path("/"), 0
    while left:
        name = left.pop()
        here = at.parent if name == ".." else at / name
        if here.is_symlink():
            links += 1
            if links > LINKS:
                raise OSError(f"too many links on the way to {path}")
            target = here.readlink()
            at = Path("/") if target.is_absolute() else at
            left += reversed(target.parts[target.is_absolute() :])
        else:
            at = here
        yield here


def _may_enter(directory: Path) -> bool:
    return bool(directory.stat().st_mode & stat.S_IXOTH)


def _all_may_read(place: Path) -> bool:
    """Whether others may read a file, or all that is in a directory."""
    left = [str(place)]
    while left:
        one = left.pop()
        mode = os.lstat(one).st_mode
        wanted = 0o005 if stat.S_ISDIR(mode) else 0o004
        if not stat.S_ISLNK(mode) and mode & wanted != wanted:
            return False
        if stat.S_ISDIR(mode):
            # Compiled modules come and go while other tests run, and Python does without.
            left += [entry.path for entry in os.scandir(one) if entry.name != "__pycache__"]
    return True


def _mount(source: Path | str, target: Path, flags: int, kind: str = "", data: str = "") -> None:
    words = (os.fsencode(source), os.fsencode(target), kind.encode())
    if _libc.mount(*words, ctypes.c_ulong(flags), data.encode()):
        code = ctypes.get_errno()
        raise OSError(code, f"mount: {os.strerror(code)}", str(target))


def _empty(place: Path, mode: int) -> None:
    """An empty directory in memory, over what is there."""
    place.mkdir(parents=True, exist_ok=True)
    _mount("tmpfs", place, 0, "tmpfs", f"mode={mode:o}")


def _show(place: Path, held: Path) -> None:
    """What is held, at this place."""
    if held.is_dir():
        place.mkdir(parents=True, exist_ok=True)
    elif not place.exists():
        place.parent.mkdir(parents=True, exist_ok=True)
        place.touch()
    _mount(held, place, BIND | REC)


def _link(place: Path, target: str) -> None:
    """A link as it was, unless it is in something that is shown as a whole."""
    place.parent.mkdir(parents=True, exist_ok=True)
    if not place.is_symlink():
        place.symlink_to(target)


def _copy(place: Path, held: Path) -> None:
    """The same as a copy that anybody may read."""
    if held.is_dir():
        _empty(place, 0o755)
        shutil.copytree(held, place, symlinks=True, dirs_exist_ok=True, copy_function=_copy_file)
        for at, _, _ in os.walk(place):
            os.chmod(at, 0o755)
    else:
        _write(place, held.read_bytes())


def _copy_file(source: str, target: str) -> None:
    shutil.copy2(source, target)
    os.chmod(target, 0o755 if os.stat(source).st_mode & stat.S_IXUSR else 0o644)


def _write(place: Path, content: bytes) -> None:
    """Another file over the one that is there."""
    file = SHARED_MEMORY / "file"
    file.write_bytes(content)
    _show(place, file)
    file.unlink()


def _mounts() -> Iterator[tuple[Path, int]]:
    """All mounts that can be seen, and the flags to mount them with again."""
    for line in Path("/proc/self/mountinfo").read_text().splitlines():
        identifier, _, _, _, escaped, options, *_ = line.split(" ")
        place = re.sub(rb"\\(\d{3})", lambda found: bytes([int(found[1], 8)]), os.fsencode(escaped))
        try:
            descriptor = os.open(place, os.O_PATH)
        except FileNotFoundError:
            continue  # something else is mounted over it
        seen = Path(f"/proc/self/fdinfo/{descriptor}").read_text()
        os.close(descriptor)
        if re.search(rf"^mnt_id:\s*{identifier}$", seen, re.MULTILINE):
            yield Path(os.fsdecode(place)), sum(flag for name, flag in KEPT.items() if name in options.split(","))


def enter(scratch: Path, user: int, installed: Iterable[Path], needs: Iterable[Path]) -> None:
    """Make the surroundings of this process."""
    if _libc.unshare(NEWNS):
        raise OSError(ctypes.get_errno(), "unshare: it takes root")
    os.umask(0o022)
    _mount("none", Path("/"), REC | PRIVATE)
    new = {scratch.resolve(): 0o777, SHARED_MEMORY: 0o1777}
    made = plan(installed, [*needs, scratch], new)
    held = {place: Path(f"/proc/self/fd/{os.open(place, os.O_PATH)}") for place in made.shown | made.copied}
    for place, flags in list(_mounts()):
        if not any(place.is_relative_to(own) for own in KERNELS_OWN):
            _mount("none", place, REMOUNT | BIND | RDONLY | flags)
    _empty(SHARED_MEMORY, 0o1777)
    for place in made.steps():
        if place == SHARED_MEMORY:
            continue
        if place in made.opened:
            _empty(place, made.opened[place])
        elif place in made.links:
            _link(place, made.links[place])
        elif place in made.copied:
            _copy(place, held[place])
        else:
            _show(place, held[place])
    passwd = Path("/etc/passwd")
    # ssh runs for nobody who has no entry.
    _write(passwd, passwd.read_bytes() + f"contained:x:{user}:{user}::{scratch}:/usr/sbin/nologin\n".encode())
    for place in ({*made.opened, *made.shown, *made.copied} - new.keys()) | {passwd}:
        _mount("none", place, REMOUNT | BIND | RDONLY)


def main(arguments: list[str]) -> None:
    """See the module."""
    scratch, user, *rest = arguments
    end = rest.index("--")
    installed, rest = rest[:end], rest[end + 1 :]
    end = rest.index("--")
    needs, command = rest[:end], rest[end + 1 :]
    enter(Path(scratch), int(user), map(Path, installed), map(Path, needs))
    rights = ["--clear-groups", "--no-new-privs", "--inh-caps=-all", "--bounding-set=-all"]
    os.execvp("setpriv", ["setpriv", f"--reuid={user}", f"--regid={user}", *rights, "--", *command])


if __name__ == "__main__":
    main(sys.argv[1:])
