"""ssh, of whose output no more than a bound is passed on."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from capra.runs.ssh import bounded_ssh


def call(tmp_path: Path, ssh: str, sent: bytes = b"") -> subprocess.CompletedProcess[bytes]:
    """The program, with a shell script in ssh's place."""
    program = tmp_path / "ssh"
    program.write_text(f"#!/bin/sh\n{ssh}\n")
    program.chmod(0o755)
    environment = os.environ | {"PATH": f"{tmp_path}:{os.environ['PATH']}"}
    words = [sys.executable, bounded_ssh.__file__, "host", "a word"]
    return subprocess.run(words, input=sent, env=environment, capture_output=True, timeout=60, check=False)


def test_arguments_input_output_and_status_are_sshs(tmp_path: Path) -> None:
    done = call(tmp_path, 'cat; echo "$# $2"; echo error >&2; exit 7', b"sent ")
    assert (done.returncode, done.stdout, done.stderr) == (7, b"sent 2 a word\n", b"error\n")


@pytest.mark.parametrize(("signal", "status"), [("TERM", 143), ("KILL", 137)])
def test_a_signal_is_told_as_a_shell_tells_it(tmp_path: Path, signal: str, status: int) -> None:
    assert call(tmp_path, f"kill -{signal} $$").returncode == status


@pytest.mark.parametrize("target", ["", " >&2"])
def test_a_host_that_says_too_much_is_cut_off(tmp_path: Path, target: str) -> None:
    done = call(tmp_path, f"yes{target}")
    assert done.returncode == 141
    assert done.stderr.endswith(b"bytes, and no more is read\n")
    told = done.stdout if not target else done.stderr.rpartition(b"\ncapra:")[0]
    assert len(told) == bounded_ssh.LIMIT


def test_what_is_sent_to_an_ssh_that_was_not_let_in_is_taken(tmp_path: Path) -> None:
    """Ansible writes before it reads: a broken pipe would be all that it tells."""
    program = tmp_path / "ssh"
    program.write_text("#!/bin/sh\necho refused >&2\nexit 255\n")
    program.chmod(0o755)
    environment = os.environ | {"PATH": f"{tmp_path}:{os.environ['PATH']}"}
    words = [sys.executable, bounded_ssh.__file__, "host"]
    with subprocess.Popen(words, env=environment, stdin=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        assert process.stdin is not None
        assert process.stderr is not None
        assert process.stderr.readline() == b"refused\n"
        process.stdin.write(b"x" * 2**20)  # raises BrokenPipeError where nobody takes it
        process.stdin.close()
        assert process.wait(timeout=60) == 255


def test_without_ssh_it_says_so(tmp_path: Path) -> None:
    words = [sys.executable, bounded_ssh.__file__, "host"]
    done = subprocess.run(words, env={"PATH": str(tmp_path)}, capture_output=True, timeout=60, check=False)
    assert (done.returncode, done.stderr) == (255, b"ssh: No such file or directory\n")
