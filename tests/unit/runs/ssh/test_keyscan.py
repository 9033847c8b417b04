"""What a host shows to anybody who asks is read within bounds."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from capra.errors import Retry
from capra.runs.ssh import keyscan


@pytest.fixture
def shows(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The script that is `ssh-keyscan`."""
    program = tmp_path / "ssh-keyscan"
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    return program


def _is(program: Path, script: str) -> None:
    program.write_text(f"#!/bin/sh\necho $$ >{program}.pid\n{script}\n")
    program.chmod(0o755)


def _ended(program: Path) -> bool:
    return not Path("/proc", Path(f"{program}.pid").read_text().strip()).exists()


async def test_the_keys_of_a_host(shows: Path) -> None:
    _is(shows, "echo '# 192.0.2.1:22 SSH-2.0'; echo '192.0.2.1 ssh-rsa BBBB'; echo '192.0.2.1 ssh-ed25519 AAAA'")
    assert await keyscan.scan("192.0.2.1") == ["ssh-ed25519 AAAA", "ssh-rsa BBBB"]


async def test_a_host_that_shows_none(shows: Path) -> None:
    _is(shows, "exit 1")
    with pytest.raises(Retry, match=r"192\.0\.2\.1:22 shows no host key"):
        await keyscan.scan("192.0.2.1")


async def test_a_host_that_shows_too_much(shows: Path) -> None:
    _is(shows, "exec yes 192.0.2.1 ssh-rsa BBBB")
    with pytest.raises(Retry, match="more than 65536 bytes"):
        await keyscan.scan("192.0.2.1")
    assert _ended(shows)


@pytest.mark.parametrize("script", ["exec sleep 600", "while echo '192.0.2.1 ssh-rsa BBBB'; do sleep 0.1; done"])
async def test_a_host_that_takes_its_time(shows: Path, script: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(keyscan, "PATIENCE", 1.0)
    _is(shows, script)
    with pytest.raises(Retry, match="has not ended after 1 seconds"):
        await keyscan.scan("192.0.2.1")
    assert _ended(shows)
