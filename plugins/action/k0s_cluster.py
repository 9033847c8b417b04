"""Action plugin: a question to a host of a k0s cluster, or a join token brought to it. See modules/k0s_cluster.py.

No secret is an argument or a part of the result: they come from files of a private directory and go to one, whose paths
are the arguments. So `no_log` has nothing to hide, and a failure can say why.
"""

from __future__ import annotations

import os
import re
import shlex
from pathlib import Path
from typing import Any

from ansible.errors import AnsibleActionFail
from ansible.plugins.action import ActionBase

from ansible_collections.capra.machine.plugins.plugin_utils import evidence, parts
from ansible_collections.capra.machine.plugins.plugin_utils.frame import framed
from ansible_collections.capra.machine.plugins.plugin_utils.refusal import refusal
from ansible_collections.capra.machine.plugins.plugin_utils.session import Session, SessionError
from ansible_collections.capra.machine.plugins.plugin_utils.telling import telling_line

ARGUMENTS: dict[str, dict[str, Any]] = {
    "question": {"type": "str", "required": True, "choices": ["token", "kubeconfig", "nodes", "join"]},
    "role": {"type": "str", "default": "worker", "choices": ["controller", "worker"]},
    "expiry": {"type": "str", "default": "1h"},
    "binary": {"type": "str", "default": "/usr/local/bin/k0s"},
    "data_dir": {"type": "str", "default": "/var/lib/k0s"},
    "uid": {"type": "str", "default": ""},
    "name": {"type": "str", "default": ""},
    "token_file": {"type": "str", "default": ""},
    "answer_file": {"type": "str", "default": ""},
}
TOKEN = re.compile(r"[A-Za-z0-9+/=_.:-]{1,65536}")
"""A join token of k0s: compressed YAML in base64."""

ANSWER_BYTES = 1 << 20
"""Of an answer; a kubeconfig has 6 KiB, and a thousand nodes 64."""

PROGRAM = Path(evidence.__file__).parent / "k0s" / "ask.sh"


class ActionModule(ActionBase):  # type: ignore[misc]  # ansible-core has no type information
    """One question to one host."""

    TRANSFERS_FILES = False
    _supports_check_mode = False
    _supports_async = False

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        """Returns changed and msg; on failure reason and msg. The answer goes to `answer_file`."""
        result: dict[str, Any] = super().run(tmp, task_vars)
        arguments = self.validate_argument_spec(argument_spec=ARGUMENTS)[1]
        question = arguments["question"]
        evidence.hold_back(self._connection)
        try:
            lines = self._ask(_program(arguments))
        except SessionError as error:
            return result | error.result()
        word, _blank, told = lines[0].partition(" ") if lines else ("", "", "")
        if word == "answer":
            _write(arguments["answer_file"], "\n".join(lines[1:]).strip("\n"))
            return result | {"changed": False, "msg": f"the host has answered: {question}"}
        if word == "done":
            return result | {"changed": True, "msg": f"the join token: {told}"}
        why = telling_line("\n".join([told, self._said])) if word == "failed" else "the answer was cut off"
        return result | {"failed": True, "reason": "host_error", "msg": f"k0s cluster: {question}: {why}"}

    def _ask(self, program: str) -> list[str]:
        """The lines of the report. Raises SessionError, which never holds anything that the program has said: that may
        be half a secret."""
        try:
            answer = Session(self).ask(program.encode())
        except SessionError as error:
            if framed(error.said) is None:
                raise
            raise SessionError(type(error.why)(error.why.reason, "the connection was lost in the answer")) from None
        report = framed(answer.stdout)
        if report is None:
            raise SessionError(refusal(answer))
        self._said = answer.stderr
        return report[0] if report[1] else []


def _program(arguments: dict[str, Any]) -> str:
    """The text for the host's shell: variables, of which one may be a secret, and the program."""
    owner = " ".join(parts.encode(arguments[name]) or "-" for name in ("uid", "name"))
    values = {
        "question": arguments["question"],
        "role": arguments["role"],
        "expiry": arguments["expiry"],
        "binary": arguments["binary"],
        "data": arguments["data_dir"],
        "owner": owner,
        "token": _token(arguments["token_file"]) if arguments["question"] == "join" else "",
    }
    return "".join(f"{name}={shlex.quote(value)}\n" for name, value in values.items()) + PROGRAM.read_text()


def _token(path: str) -> str:
    try:
        token = Path(path).read_text().strip()
    except OSError as error:
        raise AnsibleActionFail(f"token_file: {path}: {error.strerror}") from None
    if not TOKEN.fullmatch(token):
        raise AnsibleActionFail(f"token_file: {path}: is no join token of k0s, which is one word in base64")
    return token


def _write(path: str, answer: str) -> None:
    """A new file that only this user can read."""
    if not path:
        raise AnsibleActionFail("answer_file is missing: the path, on the control node, of a file for the answer")
    content = answer.encode()
    if len(content) > ANSWER_BYTES:
        raise AnsibleActionFail(f"the host's answer has {len(content)} bytes, and at most {ANSWER_BYTES} are taken")
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(content)
