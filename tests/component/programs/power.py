"""A loss of power at any moment: what the disk then says is true, and a cleanup finds everything."""

from __future__ import annotations

import os
import re
from pathlib import Path

from tests.component.programs.disk import Disk, Noise
from tests.component.programs.host import Host, append, command, tree, write

COPIES = 40
OLD = b"old" * 100


def contents(work: Path) -> dict[Path, bytes]:
    """What each of the six files is to be."""
    return {
        work / "a/b/secret": b"1" * 3000,
        work / "a/plain": b"2",
        work / "empty/x": b"",
        work / "replaced": b"4" * 9000,
        work / "appended": OLD + b"5" * 50,
        work / "big": b"6" * 40_000,
    }


def steps(work: Path) -> list[dict[str, object]]:
    """A bootstrap of the six."""
    wanted = contents(work)
    made: list[dict[str, object]] = [write(path, content, mode="0600") for path, content in wanted.items()]
    made[4] = append(work / "appended", b"5" * 50)
    return [*made, command("true")]


def decoded(text: str) -> str:
    """A path in a record file."""
    return re.sub(r"\\0([0-7]{3})", lambda found: chr(int(found[1], 8)), text)


def whole_lines(path: Path) -> list[str]:
    """The lines that count."""
    if not path.exists():
        return []
    return [line for line in path.read_text("utf-8", "replace").split("\n")[:-1] if not line.endswith("(half)")]


def problems(work: Path, run: Path) -> list[str]:
    """What the state of a disk says and is not true."""
    found = []
    wanted = list(contents(work).items())
    for line in whole_lines(run / "journal"):
        match line.split(" "):
            case ["end", number, "0", *_] if int(number) < len(wanted):
                path, content = wanted[int(number)]
                if not path.is_file():
                    found.append(f"ended, but absent: {path}")
                elif path.read_bytes() != content or path.stat().st_mode & 0o777 != (0o644 if number == "4" else 0o600):
                    found.append(f"ended, but different: {path} ({path.stat().st_size} bytes)")
    known = {decoded(line.split(" ", 2)[2]) for line in whole_lines(run / "written") if line.count(" ") == 2}
    for path in work.rglob("*"):
        private = path.parent if path.parent.name.startswith(".capra.") else path
        if str(private) not in known and path.name not in ("replaced", "appended"):
            found.append(f"there, but in no record: {path}")
    for name in ("replaced", "appended"):
        content = (work / name).read_bytes()
        if content != OLD and content != contents(work)[work / name]:
            found.append(f"neither old nor new: {name} ({len(content)} bytes)")
    return found


def _made(directory: Path) -> Path:
    directory.mkdir()
    return directory


def lose_power(tmp_path: Path) -> None:
    """Copies the disk at COPIES moments of bootstraps and looks at each copy; some of them are cleaned as well."""
    disk = Disk(tmp_path)
    try:
        host = Host(_made(disk.place / "host"), "dash")
        for name in ("replaced", "appended"):
            (host.work / name).write_bytes(OLD)
            (host.work / name).chmod(0o644)
        before = tree(host.work)
        os.sync()
        copies = _copies(disk, host, tmp_path)
        assert tree(host.work) == before
        host.close()
        disk.unmount()
        seen = set()
        for index, (copy, run_id) in enumerate(copies):
            disk.mount(copy)
            lines = whole_lines(host.base / run_id / "journal")
            seen.add(len(lines))
            assert problems(host.work, host.base / run_id) == [], f"copy {index}: {lines}"
            if index % 8 == 0:
                host.finished({"kind": "forget"}, run_id="again", takeover=1)
                assert tree(host.work) == before
            disk.unmount()
        assert len(seen) > 5, "the copies are of too few moments"
    finally:
        if disk.place.is_mount():
            disk.unmount()


def _copies(disk: Disk, host: Host, into: Path) -> list[tuple[Path, str]]:
    """The copies, each with the id of the run that was at work."""
    copies: list[tuple[Path, str]] = []
    noise = Noise(disk.place / "noise")
    noise.start()
    try:
        number = 0
        while len(copies) < COPIES:
            number += 1
            assert number <= COPIES, f"only {len(copies)} copies of {COPIES} runs"
            session = host.session(host.text("run", steps(host.work), f"run{number}"))
            while session.poll() is None:
                to = into / f"copy{len(copies)}"
                if disk.copy(to):
                    copies.append((to, f"run{number}"))
            host.heard(session)
            host.finished({"kind": "forget"}, run_id=f"cleanup{number}")
    finally:
        noise.end()
    return copies
