"""The first words of a command, for the title of its step, as far as anybody may read them. Pure.

Stricter than what is hidden in output: a command is shown up to the first word that may be, or may announce, a secret.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import replace

from capra.bootstrap.steps import RunCommand, Step
from capra.engine.redaction.hidden import Hidden, hidden_in_text
from capra.engine.redaction.ordinary import WORD, is_ordinary

LENGTH = 60
"""Characters that are shown at most."""

LOOKED_AT = 1024
"""Characters of a command in which its first words are sought."""

MORE = "…"

_ANNOUNCES = re.compile(r"(?i)pass|pwd?\b|secr|token|cred|auth|bearer|basic|login|key|[=@$`*\\]|\{\{|<<")
_KNOWN = re.compile(
    r"apk|apt(-get)?|ch(mod|own)|cp|dnf|dpkg|hostnamectl|install|k0s|k3s|kubeadm|ln|mkdir|modprobe|mount|mv|rke2|rm|rmdir"
    r"|sed|service|swapoff|sysctl|systemctl|tar|test|touch|umount|uname|yum|zypper"
)
"""Programs that take no password as a plain word. Others show only the first word: the next may be a secret that
looks like any word (`register green`, `--pin 12345`)."""

_QUOTED = re.compile(r"'([^'\s]*)'|\"([^\"\s]*)\"")


def titled(step: Step) -> Step:
    """The step with the first words of its command after its title. What Capra's own commands do is told already."""
    if not isinstance(step, RunCommand) or step.name:
        return step
    words = excerpt(step.command)
    return replace(step, name=f"{step.title}: {words}") if words else step


def excerpt(command: str) -> str:
    """The first words of the command; with `…` after them where there is more; empty where none may be shown."""
    lines = [line.strip() for line in command.splitlines() if line.strip()]
    begun = [line for line in lines if not line.startswith(("#", "set -", "set +"))]
    if not begun:
        return ""
    first = begun[0][:LOOKED_AT]
    hidden = hidden_in_text(first)
    shown: list[str] = []
    for word in _showable(first):
        if any(text in word for text in hidden.parts | hidden.credentials):
            break
        if len(" ".join([*shown, word])) > LENGTH:
            break
        shown.append(word)
    whole = len(lines) == 1 and shown == _words(lines[0])
    return " ".join(shown if whole or not shown else [*shown, MORE])


def without_shown(hidden: Hidden, steps: Iterable[Step]) -> Hidden:
    """What is to be hidden of these steps, given their titles: a command shown whole in its title is no secret."""
    commands = [step.command for step in steps if isinstance(step, RunCommand) and not step.name]
    shown = {command.strip() for command in commands if (words := excerpt(command)) and not words.endswith(MORE)}
    return replace(hidden, wholes=hidden.wholes - shown)


def _showable(line: str) -> Iterator[str]:
    words = _words(line)
    known = _KNOWN.fullmatch(words[0].rpartition("/")[2])
    for number, word in enumerate(words):
        if number and not known:
            return
        if _ANNOUNCES.search(word) or not all(map(is_ordinary, WORD.findall(word))):
            return
        if not number and not re.match(r"[\w./\[-]+$", word):
            return
        yield word


def _words(line: str) -> list[str]:
    """Between blanks. A word that stands in quotes of its own is shown without them, as that of a command in list
    form."""
    return [_QUOTED.sub(lambda match: match[1] or match[2] or "''", word) for word in line.split()]
