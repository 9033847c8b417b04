"""What the benchmarks have done on each host: three files of 2 KB and five commands, and the k0s cleanup."""

from __future__ import annotations

import re
from pathlib import Path

import yaml

ROOT = Path(__file__).resolve().parents[1]
PLACE = "/etc/bench"
SENTINEL = "/run/cluster-api/bootstrap-success.complete"
FILES = [{"path": f"{PLACE}/file{number}", "permissions": "0600", "content": "x" * 2000} for number in range(3)]
COMMANDS = (
    "echo one",
    "echo two",
    "echo three",
    "echo four",
    f"mkdir -p /run/cluster-api && touch {SENTINEL}",
)
CLEANUP = ROOT / "roles" / "k0s_cleanup"


def commands(sleep: int = 0) -> list[str]:
    """The five commands. sleep: seconds that the first of them sleeps, too."""
    return [f"sleep {sleep}; {COMMANDS[0]}" if sleep else COMMANDS[0], *COMMANDS[1:]]


def cloud_config(sleep: int = 0) -> str:
    """The work as bootstrap data."""
    return "#cloud-config\n" + yaml.safe_dump({"write_files": FILES, "runcmd": commands(sleep)})


def script(sleep: int = 0) -> str:
    """The work as one writes it by hand, for one shell."""
    writes = "".join(f"printf %s {file['content']} > {file['path']}\n" for file in FILES)
    return f"set -e; umask 077; mkdir -p {PLACE}\n{writes}" + "\n".join(commands(sleep)) + "\n"


def cleanup_script() -> str:
    """The program that the role k0s_cleanup sends, with the role's defaults, and what the work above has left."""
    tasks = (CLEANUP / "tasks" / "main.yml").read_text()
    parts = [CLEANUP / "files" / name for name in re.findall(r"'/files/(\w+\.sh)'", tasks)]
    assert parts, "the role k0s_cleanup names no files"
    left = f"rm -rf {PLACE} {SENTINEL}\n"
    return "".join(part.read_text() for part in parts) + left
