"""What proves that become let nothing through: see capra.runs.evidence, which reads it. Nothing for plain Ansible."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

VARIABLE = "CAPRA_EVIDENCE"
UNCONNECTED = "unconnected"
HELD = "held"


def hold_back(connection: Any) -> None:
    """Note that nothing is sent until Ansible does send something, which with become is after become has succeeded.

    Only before the run's first session, and only where Ansible can be watched: otherwise what OpenSSH notes counts.
    """
    directory = os.environ.get(VARIABLE, "")
    send = getattr(connection, "_send_initial_data", None)
    if not directory or connection.become is None or send is None or _connected(Path(directory)):
        return
    held = Path(directory, HELD)
    held.touch()

    def send_and_note(*arguments: Any, **options: Any) -> Any:
        held.unlink(missing_ok=True)
        return send(*arguments, **options)

    connection._send_initial_data = send_and_note


def _connected(directory: Path) -> bool:
    try:
        return (directory / UNCONNECTED).stat().st_size == 0
    except OSError:
        return True


def before_session() -> None:
    """Forget when OpenSSH was let in last."""
    if directory := os.environ.get(VARIABLE, ""):
        os.utime(Path(directory, UNCONNECTED), ns=(0, 0))


def let_in() -> bool | None:
    """OpenSSH was let in since then: it empties the file each time. None where nothing tells."""
    directory = os.environ.get(VARIABLE, "")
    return Path(directory, UNCONNECTED).stat().st_mtime_ns != 0 if directory else None
