"""One SSH session in which a host runs a program that comes over standard input, and what was seen of it.

Ansible keeps only one of a session's two streams when it gives up, so both are listened to. Private methods of its ssh
plugin are wrapped for that; a plugin that has none of them is used as it is, and less is known then.
"""

from __future__ import annotations

import re
from typing import Any

from ansible.errors import AnsibleConnectionFailure, AnsibleError
from ansible.plugins.action import ActionBase

from ansible_collections.capra.machine.plugins.plugin_utils import evidence
from ansible_collections.capra.machine.plugins.plugin_utils.refusal import (
    EATEN,
    LOGIN,
    SHELL,
    UNREACHABLE,
    Answer,
    Refusal,
    refusal,
)

FIRST_LINE = "# capra payload"
LOADER = (
    f'echo; echo "{SHELL}"; IFS= read -r L && [ "$L" = "{FIRST_LINE}" ] && exec /bin/sh -s;'
    f' echo; echo "{EATEN}"; cat >/dev/null'
)
"""The command. A login script that has read a part of standard input must not leave half a program to a shell."""

BEFORE_BECOME = f'echo; echo "{LOGIN}"; echo >&2; '
"""Proves that the login shell has begun the command, and ends lines that it has left open, before a prompt."""

TIMEOUT = re.compile(r"Timeout \((\d+)s\) waiting for privilege escalation prompt")


class SessionError(AnsibleConnectionFailure):  # type: ignore[misc]  # ansible-core has no type information
    """The program has not begun, or nobody has heard of it. said: what came of standard output."""

    def __init__(self, why: Refusal, said: str = "") -> None:
        super().__init__(why.message)
        self.why = why
        self.said = said

    def result(self) -> dict[str, Any]:
        """What a task's result says of it."""
        kind = "unreachable" if self.why.reason in UNREACHABLE else "failed"
        return {kind: True, "reason": self.why.reason, "msg": self.why.message}


class Session:
    """The sessions of one action, one after the other."""

    def __init__(self, action: ActionBase) -> None:
        self._action = action
        self._connection = action._connection
        self._seen = Answer()
        self._rc: int | None = None
        self._streams: dict[str, bytes] = {}
        self._rests: dict[str, bytes] = {}
        self._become = ""
        self._listen()

    def ask(self, program: bytes) -> Answer:
        """Run it. Raises SessionError when Ansible gives up; otherwise the program may still not have begun."""
        self._rc, self._streams, self._rests, self._become = None, {}, {}, ""
        self._mark_become()
        evidence.before_session()
        try:
            answer = self._action._low_level_execute_command(
                LOADER, in_data=f"{FIRST_LINE}\n".encode() + program, executable=None
            )
        except AnsibleError as error:
            seen = self._given_up(str(error))
            raise SessionError(refusal(seen), seen.stdout) from None
        stdout = self._text("stdout") or str(answer.get("stdout", ""))
        stderr = self._text("stderr") or str(answer.get("stderr", ""))
        return Answer(int(answer.get("rc", 0)), stdout, stderr, become=self._become, let_in=evidence.let_in())

    def _given_up(self, said: str) -> Answer:
        late = TIMEOUT.search(said)
        return Answer(
            self._rc,
            self._text("stdout"),
            # What Ansible says holds OpenSSH's words where nobody could listen.
            self._text("stderr") if self._streams else said.rpartition("ssh: ")[2],
            said=said,
            become=self._become,
            let_in=evidence.let_in(),
            waited=int(late[1]) if late else 0,
        )

    def _text(self, stream: str) -> str:
        return (self._streams.get(stream, b"") + self._rests.get(stream, b"")).decode("utf-8", "replace")

    def _listen(self) -> None:
        """Keep both streams, and the status, of every session."""
        run = getattr(self._connection, "_bare_run", None)
        examine = getattr(self._connection, "_examine_output", None)
        if run is None or examine is None:
            return

        def run_and_keep(cmd: Any, in_data: Any, sudoable: bool = True, checkrc: bool = True) -> Any:
            rc, stdout, stderr = run(cmd, in_data, sudoable=sudoable, checkrc=False)
            self._rc, self._streams, self._rests = rc, {"stdout": stdout, "stderr": stderr}, {}
            return rc, stdout, stderr

        def examine_and_keep(source: str, *arguments: Any, **options: Any) -> Any:
            output, rest = examine(source, *arguments, **options)
            self._streams[source] = self._streams.get(source, b"") + output
            self._rests[source] = rest
            return output, rest

        self._connection._bare_run = run_and_keep
        self._connection._examine_output = examine_and_keep

    def _mark_become(self) -> None:
        """Let the command tell that it has begun, before become does."""
        become = self._connection.become
        build = getattr(become, "build_become_command", None)
        if build is None or getattr(build, "capra", False):
            return

        def build_and_mark(cmd: str, shell: Any) -> str:
            self._become = str(getattr(become, "name", "become")).rsplit(".", 1)[-1]
            return BEFORE_BECOME + str(build(cmd, shell))

        build_and_mark.capra = True  # type: ignore[attr-defined]  # a function's own attribute
        become.build_become_command = build_and_mark
