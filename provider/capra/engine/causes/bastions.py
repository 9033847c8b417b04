"""Whether a bastion is why a host was not reached, by what OpenSSH has said of each. Pure."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from capra.engine.causes.sessions import (
    HOST_KEY,
    SENT_FINGERPRINT,
    WRONG_CREDENTIALS,
    remedy_of_key,
    remedy_of_unreachable,
)
from capra.model.bastion import Bastion, bastion_field
from capra.model.host_port import join_host_port, shell_word
from capra.model.keys.host_key import fingerprint
from capra.model.keys.ssh_key import public_fingerprint
from capra.model.run import Connection, OutcomeKind, RunRequest

LENGTH = 400
"""Characters of what OpenSSH says that are told."""

_PROHIBITED = re.compile(r"open failed: (administratively prohibited|unknown channel type)[^\n]*")
_ONWARD = re.compile(r"open failed: (?:connect failed|resource shortage|unknown)[^:\n]*:? *([^\n]*)")
_LET_IN = re.compile(r"\AAuthenticated to |\nAuthenticated to ")
_NOISE = re.compile(
    r"Warning: Permanently added |Killed by signal|stdio forwarding failed|\*\* |Authenticated to |Transferred: "
    r"|Bytes per second|[\W_]*$"
)


@dataclass(frozen=True)
class Blame:
    """How the run ended on the way."""

    kind: OutcomeKind
    message: str


def blamed(request: RunRequest, said: Sequence[str]) -> Blame | None:
    """What has broken the way, named; None where no bastion has. said: of each bastion, from the host outwards."""
    for number in reversed(range(min(len(said), len(request.connection.bastions)))):
        text = _LET_IN.split(said[number])[-1]
        # Behind that note the rest of its line comes first.
        lines = text.splitlines()[1:] if text != said[number] else text.splitlines()
        if telling := [line for line in lines if not _NOISE.match(line.strip())]:
            return _blame(request, number, "\n".join(telling))
    return None


def _blame(request: RunRequest, number: int, text: str) -> Blame:
    bastion = request.connection.bastions[number]
    field = bastion_field(request.field, number)
    if HOST_KEY.search(text):
        return Blame(OutcomeKind.HOST_KEY_CHANGED, _changed(request, number, text))
    if WRONG_CREDENTIALS.search(text):
        known = public_fingerprint(request.secrets.bastion_keys[number])
        message = f"the bastion {bastion.place} does not accept the SSH key {known} for user {bastion.user}"
        remedy = remedy_of_key(_as_host(bastion), field, terminal=False)
        return Blame(OutcomeKind.WRONG_CREDENTIALS, f"{message}: {_last(text)}; {remedy}")
    target = _behind(request, number)
    if _PROHIBITED.search(text):
        message = f"the bastion {bastion.place} does not pass connections on to {target}: {_last(text)}"
        remedy = "set `AllowTcpForwarding local` in its sshd_config, and let no PermitOpen be in the way"
        return Blame(OutcomeKind.LOGIN_FAILED, f"{message}; {remedy}")
    if onward := _ONWARD.search(text):
        return _onward(request, number, onward[1].strip() or _last(text))
    remedy = remedy_of_unreachable(text, _as_host(bastion), field)
    message = f"the bastion {bastion.place} cannot be reached: {_last(text)}"
    return Blame(OutcomeKind.UNREACHABLE, f"{message}; {remedy}" if remedy else message)


def _onward(request: RunRequest, number: int, why: str) -> Blame:
    """The bastion itself is fine, and what is behind it does not answer."""
    connection = request.connection
    inner = connection.bastions[number - 1] if number else None
    told = _as_host(inner) if inner else connection
    field = bastion_field(request.field, number - 1) if number else request.field
    what = "the bastion " if inner else ""
    message = f"{what}{_behind(request, number)} cannot be reached from {connection.bastions[number].place}: {why}"
    remedy = remedy_of_unreachable(why, told, field)
    return Blame(OutcomeKind.UNREACHABLE, f"{message}; {remedy}" if remedy else message)


def _behind(request: RunRequest, number: int) -> str:
    """The place that a bastion is to lead to."""
    connection = request.connection
    if number:
        return connection.bastions[number - 1].place
    return join_host_port(connection.address, connection.port)


def _changed(request: RunRequest, number: int, text: str) -> str:
    bastion = request.connection.bastions[number]
    known = ", ".join(fingerprint(key) for key in bastion.host_keys) or "none"
    found = SENT_FINGERPRINT.search(text)
    sent = found.group() if found else "unknown"
    accept = request.accept_bastion_keys[number] if number < len(request.accept_bastion_keys) else ""
    trust = accept or f"capra trust {shell_word(bastion.address, bastion.port)} {sent}"
    return (
        f"the host key of the bastion {bastion.place} has changed: it is known as {known} and now shows {sent}. The"
        " host behind it was not contacted. Either the bastion was reinstalled, or someone is intercepting the"
        f" connection. If the new key is right: {trust}"
    )


def _as_host(bastion: Bastion) -> Connection:
    return Connection(bastion.address, bastion.port, bastion.user)


def _last(text: str) -> str:
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    return lines[-1][-LENGTH:] if lines else "no reason was given"
