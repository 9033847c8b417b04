"""Applies each mutation of tests/mutants/*.yaml in a copy of the checkout, and says which its tests did not notice.

    scripts/mutants.py [PATTERN]      only those whose name contains it; `make mutants` runs all, and cosmic-ray besides

Ends with 1 when a mutation survives, and with 2 when the list no longer fits the sources, or a test fails without any.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).resolve().parents[1]
LISTS = sorted((ROOT / "tests" / "mutants").glob("*.yaml"))
LIMIT = 600
"""Seconds for the tests of one mutation: what hangs is noticed, too."""


@dataclass(frozen=True)
class Mutation:
    """One entry of a list."""

    name: str
    file: str
    old: str
    new: str
    tests: tuple[str, ...]

    def apply(self, copy: Path) -> str:
        """Change the file in the copy; its text before. SystemExit where the old text is not there exactly once."""
        path = copy / self.file
        text = path.read_text()
        if text.count(self.old) != 1:
            print(f"{self.name}: {self.file} has the old text {text.count(self.old)} times", file=sys.stderr)
            raise SystemExit(2)
        path.write_text(text.replace(self.old, self.new))
        return text


def listed(pattern: str) -> list[Mutation]:
    """The mutations whose name contains the pattern."""
    entries: list[dict[str, Any]] = [one for path in LISTS for one in yaml.safe_load(path.read_text())]
    return [Mutation(**{**one, "tests": tuple(one["tests"])}) for one in entries if pattern in one["name"]]


def copy_checkout(target: Path) -> None:
    """What is tracked and what is new, as it stands in the working tree."""
    command = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    names = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout
    for name in filter(None, names.split("\0")):
        if (ROOT / name).is_symlink() or (ROOT / name).exists():
            (target / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, target / name, follow_symlinks=False)


def notices(copy: Path, tests: tuple[str, ...]) -> bool:
    """Some of these tests fails in the copy."""
    command = [sys.executable, "-m", "pytest", "-x", "-q", "-p", "no:cacheprovider", *tests]
    try:
        done = subprocess.run(command, cwd=copy, capture_output=True, text=True, check=False, timeout=LIMIT)
    except subprocess.TimeoutExpired:
        return True
    if done.returncode not in (0, 1):
        print(done.stdout[-2000:], done.stderr[-2000:], file=sys.stderr)
        raise SystemExit(2)
    return done.returncode == 1


def main() -> int:
    """Run them."""
    mutations = listed(sys.argv[1] if len(sys.argv) > 1 else "")
    survivors = []
    with tempfile.TemporaryDirectory(prefix="capra-mutants-") as directory:
        copy = Path(directory)
        copy_checkout(copy)
        for tests in dict.fromkeys(one.tests for one in mutations):
            if notices(copy, tests):
                print(f"fails without any mutation: {' '.join(tests)}", file=sys.stderr)
                return 2
        for mutation in mutations:
            begun = time.monotonic()
            before = mutation.apply(copy)
            found = notices(copy, mutation.tests)
            (copy / mutation.file).write_text(before)
            word = "killed  " if found else "SURVIVED"
            print(f"{word} {mutation.name} ({time.monotonic() - begun:.0f} s)", flush=True)
            survivors += [] if found else [mutation.name]
    print(f"{len(mutations) - len(survivors)} of {len(mutations)} killed")
    return 1 if survivors else 0


if __name__ == "__main__":
    sys.exit(main())
