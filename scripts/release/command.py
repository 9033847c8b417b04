"""Programs that the release calls, and the error that ends it."""

from __future__ import annotations

import subprocess
from collections.abc import Mapping
from pathlib import Path


class ReleaseError(Exception):
    """Why there is no release; one sentence for a person, with what would be right."""


def run(*command: str | Path, env: Mapping[str, str] | None = None, cwd: Path | None = None) -> None:
    """Run a program; its output is shown only where it fails. Raises ReleaseError with the end of it."""
    done = subprocess.run(
        [*map(str, command)], env=env, cwd=cwd, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False
    )
    if done.returncode:
        said = "\n".join(done.stdout.splitlines()[-30:])
        raise ReleaseError(f"{command[0]} has ended with status {done.returncode}:\n{said}")


def output(*command: str | Path, env: Mapping[str, str] | None = None) -> str:
    """Run a program; its standard output without the last line break. Raises ReleaseError with its standard error."""
    done = subprocess.run([*map(str, command)], env=env, capture_output=True, text=True, check=False)
    if done.returncode:
        raise ReleaseError(f"{command[0]} has ended with status {done.returncode}: {done.stderr.strip()}")
    return done.stdout.rstrip("\n")
