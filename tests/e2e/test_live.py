"""What a person sees on a terminal while a host is at work."""

from __future__ import annotations

import fcntl
import os
import pty
import re
import select
import struct
import subprocess
import sys
import termios
import time
from pathlib import Path

from tests.e2e.support import Capra, cloud_config, key_secret, machine
from tests.hosts import Host

CONTROL = re.compile(r"\x1b\[[0-9;?]*[a-zA-Z]|\r")
PATIENCE = 120


def _on_a_terminal(capra: Capra, *arguments: str | Path, columns: int = 80) -> str:
    """What `capra` writes to a terminal of 24 lines, without what moves the cursor."""
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))
    # What a shell may say of its own terminal takes precedence over this one's size.
    environment = {name: text for name, text in capra.process_environment().items() if name not in ("COLUMNS", "LINES")}
    process = subprocess.Popen(
        [sys.executable, "-m", "capra", *map(str, arguments)],
        env={**environment, "TERM": "xterm"},
        cwd=capra.directory,
        stdin=subprocess.DEVNULL,
        stdout=theirs,
        stderr=theirs,
    )
    os.close(theirs)
    said, until = b"", time.monotonic() + PATIENCE
    try:
        while time.monotonic() < until:
            if not select.select([ours], [], [], 1)[0]:
                continue
            try:
                said += os.read(ours, 65536)
            except OSError:  # its end
                break
        assert process.wait(timeout=10) == 0, said.decode("utf-8", "replace")
    finally:
        process.kill()
        os.close(ours)
    return CONTROL.sub("\n", said.decode("utf-8", "replace"))


def test_a_step_that_takes_long_is_shown_and_what_it_says_is_streamed(capra: Capra, host: Host) -> None:
    manifest = capra.manifests(machine(host), key_secret(host))
    data = capra.data(cloud_config(commands=["echo first; sleep 12; echo last", "true"]))
    shown = _on_a_terminal(capra, "bootstrap", "-f", manifest, "--bootstrap-data", data, "-v")
    lines = [line.strip() for line in shown.splitlines() if line.strip()]
    live = [line for line in lines if re.search(rf"{host.name}\s+(starting|contacting|step)", line)]
    waited = [int(found[1]) for line in live if "step" not in line and (found := re.search(r"(\d+) s$", line))]
    assert max(waited) <= 9, "that the host is at work is known after a few seconds"
    assert any("step 1/4" in line and "run runcmd[0]: echo" in line for line in live)
    said = [number for number, line in enumerate(lines) if line == f"{host.name} |     first"]
    ended = next(number for number, line in enumerate(lines) if line.startswith(f"{host.name}: Finished"))
    assert len(said) == 1, "once"
    assert said[0] < ended, "while the step runs"
    assert lines[ended:].count(f"{host.name} |     last") == 1


def test_forty_columns_break_nothing(capra: Capra, host: Host) -> None:
    manifest = capra.manifests(machine(host), key_secret(host))
    data = capra.data(cloud_config(commands=["sleep 6"]))
    shown = _on_a_terminal(capra, "bootstrap", "-f", manifest, "--bootstrap-data", data, columns=40)
    live = [line for line in shown.splitlines() if re.search(rf"{host.name}\s+(starting|contacting|step)", line)]
    assert live
    assert max(map(len, live)) <= 40
