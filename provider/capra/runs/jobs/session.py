"""One session with a host, in the form in which a Job carries it: what is sent, and what comes back."""

from __future__ import annotations

import base64
import json
import re
import shlex
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from capra.engine.redaction.ordinary import is_ordinary
from capra.model.jobs.job import JobWay
from capra.model.run import Connection, RunRequest, RunSecrets
from capra.runs.directory.private import write_private
from capra.runs.paths import RELAY_SSH

ENTRYPOINT = "k0smotron-entrypoint.sh"
ATTEMPTS = 5
"""Times that a Pod tries to reach the host."""

MOST_HIDDEN = 4000
"""Words that the host leaves lines out for. Where there are more it shows no line."""

ALL_HIDDEN = "*"
"""In place of the words, where there are too many of them."""

SHORTEST_HIDDEN = 8
FOLLOW = re.compile(rb"^follow \d+$", re.MULTILINE)
"""The setting of a payload: for how many seconds a session stays with its run."""

PLACE = (
    "umask 077; rm -rf /dev/shm/.capra-{uid}* /tmp/.capra-{uid}* 2>/dev/null; for d in /dev/shm /tmp; do"
    ' p=$d/.capra-{uid}-$(date +%s)-$$; if mkdir "$p" 2>/dev/null; then echo; echo "capra place $p"; exit 0; fi; done;'
    ' echo "no directory could be made in /dev/shm or /tmp" >&2; exit 1'
)
"""Makes a directory of its own for each attempt: a session that was lost may still be there, and removes its own when
it ends. What it has not read yet is taken away from it."""

_COMMENT = re.compile(r"^[ \t]*(#.*)?\n", re.MULTILINE)
_OVER = re.compile(r"\ncapra over (\d+)\n?")


def relay_environment(directory: Path) -> dict[str, str]:
    """Ansible's settings where a Job reaches the host. directory: the run's private one."""
    return {"ANSIBLE_SSH_EXECUTABLE": str(RELAY_SSH), "CAPRA_RELAY": str(directory / "relay")}


def lay_out_relay(directory: Path, job: JobWay) -> None:
    """The directory of relay_ssh.py, with the host's answer where a Job has brought it."""
    (directory / "relay").mkdir(mode=0o700)
    if job.answer is not None:
        write_private(directory / "relay" / "session", job.answer.encode("utf-8", "surrogatepass"))


@dataclass(frozen=True)
class Told:
    """A Pod's message. begun: something may have been sent to the host. answer: for relay_ssh.py; empty where the host
    has not answered. why: then, what was said instead. unproven: the sentinel file was not there."""

    begun: bool = True
    answer: str = ""
    why: str = ""
    unproven: bool = False


def job_data(request: RunRequest, recorded: str, sentinel: str) -> dict[str, bytes]:
    """The files of a Job's Secret. recorded: what relay_ssh.py has kept. sentinel: the file that the Job looks for at
    its end; empty for none. Raises ValueError where nothing was recorded."""
    kept = json.loads(recorded)
    job, connection = request.connection.job, request.connection
    assert job is not None  # whoever asks has looked
    sent = FOLLOW.sub(b"follow %d" % (int(request.timeout) + 60), base64.b64decode(kept["input"]), count=1)
    start = f"session() {{\n{kept['command']}\n}}\n{_text('host.sh')}"
    return {
        ENTRYPOINT: (_entrypoint(connection, job, sentinel) + _text("pod.sh")).encode(),
        "start": start.encode(),
        "session": sent,
        "hidden": "".join(f"{word}\n" for word in hidden_words(request.secrets)).encode("utf-8", "surrogatepass"),
    }


def _text(name: str) -> str:
    return _COMMENT.sub("", Path(__file__).with_name(name).read_text())


def _entrypoint(connection: Connection, job: JobWay, sentinel: str) -> str:
    """The commands are the user's own words, as in the reference: a shell reads them."""
    host = f"{connection.user}@{connection.address}"
    target = f"{connection.user}@[{connection.address}]" if ":" in connection.address else host
    place = f"sh -c {shlex.quote(PLACE.format(uid=job.uid))}"
    ssh = f"{job.asked.ssh_command} -p {connection.port} {shlex.quote(host)}"
    scp = f"{job.asked.scp_command} -P {connection.port}"
    return (
        f'#!/bin/sh\non_host() {{ {ssh} "$1" </dev/null; }}\n'
        f'to_host() {{ {scp} "$@" {shlex.quote(target)}:"$PLACE/" </dev/null; }}\n'
        f"MAKE_PLACE={shlex.quote(place)}\nATTEMPTS={ATTEMPTS}\n"
        f"SENTINEL={shlex.quote(shlex.quote(sentinel)) if sentinel else ''}\n"
    )


def hidden_words(secrets: RunSecrets) -> list[str]:
    """Words of which no line that holds one leaves the host; ALL_HIDDEN alone where they are too many. Ordinary words
    tell nothing."""
    words = list(dict.fromkeys(_words(secrets)))
    return words if len(words) <= MOST_HIDDEN else [ALL_HIDDEN]


def _words(secrets: RunSecrets) -> Iterator[str]:
    for text in secrets.credentials:
        yield from (word for word in re.split(r"[\s\"'=,;]+", text) if len(word) >= 4)
    for text in (*secrets.wholes, *secrets.hidden):
        for word in re.split(r"[\s\"'=,;]+", text):
            if len(word) >= SHORTEST_HIDDEN and not is_ordinary(word):
                yield word


def read_told(message: str) -> Told:
    """What a Pod has left. What is no message of Capra's is told as it is."""
    first, _, rest = message.strip("\n").partition("\n")
    if first == "capra unsent":
        return Told(begun=False, why=rest)
    if first == "capra lost":
        return Told(why=rest)
    if first == "capra unproven":
        return Told(unproven=True)
    over = _OVER.search(message)
    if over is None:
        return Told(why=" ".join(message.strip().splitlines()[-3:]))
    before, _, errors = message[over.end() :].partition("\n.\n")
    stdout = f"{_decoded(before)}\n{message[: over.start()]}\n"
    return Told(answer=json.dumps({"stdout": stdout, "stderr": _decoded(errors), "status": over[1]}))


def _decoded(text: str) -> str:
    """Of base64, which may be cut."""
    digits = "".join(text.split())
    try:
        return base64.b64decode(digits[: len(digits) // 4 * 4]).decode("utf-8", "replace")
    except ValueError:
        return ""
