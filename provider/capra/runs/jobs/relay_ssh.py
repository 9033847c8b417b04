"""In place of ssh, where a Job reaches the host. Without an answer of the host's it keeps what would have been sent;
with one it gives that, as ssh would have.

A script, called with ssh's arguments. Its directory is `$CAPRA_RELAY`; `session` there is the answer to the first
session that Ansible holds, as JSON: `stdout`, `stderr`, `status`.
"""

from __future__ import annotations

import base64
import json
import os
import re
import sys
from pathlib import Path

NOTHING = "\ncapra begin\ncapra end\n"
"""The answer to a later session, which only tidies up."""

RECORDED = "\ncapra begin\nerror recorded\ncapra end\n"
"""The answer that ends a play whose first session has been kept."""

BECOME = re.compile(r"BECOME-SUCCESS-[a-z0-9]+")


def _let_in() -> None:
    """As OpenSSH would have: see capra.runs.evidence."""
    if evidence := os.environ.get("CAPRA_EVIDENCE"):
        Path(evidence, "unconnected").write_bytes(b"")


def _answer(told: dict[str, str], command: str) -> int:
    """The mark of become is another one in each session."""
    mark = BECOME.search(command)
    stdout = BECOME.sub(mark[0], told["stdout"]) if mark else told["stdout"]
    _let_in()
    sys.stdout.write(stdout)
    sys.stdout.flush()
    sys.stdin.buffer.read()
    sys.stderr.write(told["stderr"])
    return int(told["status"])


def relay(directory: Path, arguments: list[str]) -> int:
    """The status of the session."""
    if "-O" in arguments:
        return 0  # a word to a connection that is kept
    command, session, seen = arguments[-1], directory / "session", directory / "seen"
    if session.exists() and not seen.exists():
        seen.touch()
        return _answer(json.loads(session.read_text("utf-8")), command)
    later = session.exists() or seen.exists()
    mark = BECOME.search(command)
    sys.stdout.write((mark[0] if mark else "") + (NOTHING if later else RECORDED))
    sys.stdout.flush()
    sent = sys.stdin.buffer.read()
    if not later:
        seen.touch()
        kept = {"command": command, "input": base64.b64encode(sent).decode()}
        descriptor = os.open(directory.parent / "answer", os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "w") as file:
            json.dump(kept, file)
    return 0


if __name__ == "__main__":
    sys.exit(relay(Path(os.environ["CAPRA_RELAY"]), sys.argv[1:]))
