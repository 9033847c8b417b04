"""What stands in ssh's place: it records the first session, or answers it."""

from __future__ import annotations

import base64
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from capra.runs.jobs import relay_ssh

BECOME = "sudo sh -c 'echo BECOME-SUCCESS-abc; sh -s'"


@pytest.fixture
def relay(tmp_path: Path) -> Path:
    (tmp_path / "relay").mkdir()
    (tmp_path / "evidence").mkdir()
    (tmp_path / "evidence" / "unconnected").write_text("yes")
    return tmp_path / "relay"


def call(relay: Path, command: str = BECOME, *options: str) -> subprocess.CompletedProcess[bytes]:
    environment = os.environ | {"CAPRA_RELAY": str(relay), "CAPRA_EVIDENCE": str(relay.parent / "evidence")}
    words = [sys.executable, relay_ssh.__file__, *options, "host", command]
    return subprocess.run(words, input=b"sent\xff", env=environment, capture_output=True, timeout=60, check=False)


def test_what_would_be_sent_is_kept(relay: Path) -> None:
    done = call(relay)
    assert done.stdout.startswith(b"BECOME-SUCCESS-abc\ncapra begin\nerror ")
    kept = json.loads((relay.parent / "answer").read_text())
    assert (kept["command"], base64.b64decode(kept["input"])) == (BECOME, b"sent\xff")
    assert (relay.parent / "evidence" / "unconnected").read_text() == "yes"
    assert call(relay).stdout.endswith(relay_ssh.NOTHING.encode())


def test_the_answer_is_given_once_with_the_mark_of_this_session(relay: Path) -> None:
    told = {"stdout": "BECOME-SUCCESS-old\ncapra begin\ncapra end\n", "stderr": "warned", "status": "3"}
    (relay / "session").write_text(json.dumps(told))
    done = call(relay)
    assert (done.returncode, done.stderr) == (3, b"warned")
    assert done.stdout == b"BECOME-SUCCESS-abc\ncapra begin\ncapra end\n"
    assert (relay.parent / "evidence" / "unconnected").read_text() == ""
    assert call(relay).returncode == 0
    assert not (relay.parent / "answer").exists()


def test_words_to_a_kept_connection_are_none_of_a_sessions(relay: Path) -> None:
    assert call(relay, "x", "-O", "stop").returncode == 0
    assert not (relay.parent / "answer").exists()
