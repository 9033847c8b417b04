"""When the action may say that nothing was sent: only while Ansible, watched from this side, holds everything back."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from ansible_collections.capra.machine.plugins.plugin_utils import evidence as watched
from capra.runs import evidence


class Connection:
    """As much of Ansible's as counts."""

    def __init__(self, become: object = "sudo") -> None:
        self.become = become
        self.sent: list[Any] = []

    def _send_initial_data(self, *arguments: Any) -> None:
        self.sent.append(arguments)


@pytest.fixture(autouse=True)
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    evidence.lay_out_evidence(tmp_path)
    monkeypatch.setenv(evidence.VARIABLE, evidence.evidence_environment(tmp_path)[evidence.VARIABLE])
    return tmp_path


def _let_in(run: Path) -> None:
    (run / evidence.DIRECTORY / evidence.UNCONNECTED).write_bytes(b"")


def test_both_sides_mean_the_same_files() -> None:
    assert (watched.VARIABLE, watched.UNCONNECTED, watched.HELD) == (
        evidence.VARIABLE,
        evidence.UNCONNECTED,
        evidence.HELD,
    )


def test_nothing_is_sent_before_become_has_succeeded(run: Path) -> None:
    connection = Connection()
    watched.hold_back(connection)
    _let_in(run)
    assert not evidence.was_sent(run)
    connection._send_initial_data("handle", b"program", "process")
    assert evidence.was_sent(run)
    assert connection.sent == [("handle", b"program", "process")]
    connection._send_initial_data()
    assert evidence.was_sent(run)


def test_a_second_session_proves_nothing_of_the_first(run: Path) -> None:
    _let_in(run)
    watched.hold_back(Connection())
    assert evidence.was_sent(run)


def test_without_become_openssh_alone_tells(run: Path) -> None:
    watched.hold_back(Connection(become=None))
    assert not evidence.was_sent(run)
    _let_in(run)
    assert evidence.was_sent(run)


def test_a_connection_that_cannot_be_watched_proves_nothing(run: Path) -> None:
    class Other:
        become = "sudo"

    watched.hold_back(Other())
    _let_in(run)
    assert evidence.was_sent(run)


def test_plain_ansible_is_left_alone(run: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(evidence.VARIABLE)
    connection = Connection()
    watched.hold_back(connection)
    assert "_send_initial_data" not in vars(connection)


def test_what_is_not_there_is_no_proof(tmp_path: Path) -> None:
    (tmp_path / evidence.DIRECTORY / evidence.UNCONNECTED).unlink()
    assert evidence.was_sent(tmp_path)
