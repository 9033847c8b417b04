"""The ordered steps that bootstrap data comes down to.

A step is plain data: nothing here knows how a host is reached. Content is bytes, so that what arrives on the
host is equal byte for byte to what the bootstrap provider wrote.
"""

from __future__ import annotations

import base64
import hashlib
import json
import zlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

DEFAULT_FILE_MODE = "0644"
"""Mode of a file whose `permissions` are missing or empty (cloud-init, and the k0s bootstrap provider)."""


@dataclass(frozen=True)
class WriteFile:
    """Write one file whole, or append to it.

    path: absolute, without NUL. content: exact bytes. mode: four octal digits, or empty when appending to leave the
    mode as it is. owner: `user`, `user:group` or
    empty for the user that the run becomes. append: add to the end of the file instead of replacing it.
    source: where the step stands in the document (`write_files[2]`), for messages.
    """

    path: str
    content: bytes
    mode: str = DEFAULT_FILE_MODE
    owner: str = ""
    append: bool = False
    source: str = ""

    @property
    def title(self) -> str:
        """What a person reads: never the content."""
        return f"{'append to' if self.append else 'write'} {self.path}"


@dataclass(frozen=True)
class RunCommand:
    """Run one command with `/bin/sh -c`, without NUL.

    source: where the step stands in the document (`runcmd[0]`), for messages. name: what a person reads instead of the
    place, where the command is Capra's own. guarded: the part of such a command that may hold a secret, and is hidden
    where it is shown; None for all of it.
    """

    command: str
    source: str = ""
    name: str = ""
    guarded: str | None = field(default=None, compare=False)

    @property
    def title(self) -> str:
        """What a person reads: the place, never the command, which may hold a token."""
        return self.name or f"run {self.source or 'command'}"


Step = WriteFile | RunCommand


def entitled(step: Step, titles: Mapping[str, str]) -> Step:
    """The step with the title that was given for its place, where it is a command without a name. titles: by place."""
    if isinstance(step, RunCommand) and not step.name and (title := titles.get(step.source)):
        return replace(step, name=title)
    return step


def names_sentinel(steps: Iterable[Step], sentinel: str) -> bool:
    """Some step writes the file that proves the bootstrap, or its text has its name."""
    name = sentinel.rpartition("/")[2]
    return any(
        one.path == sentinel or name.encode() in one.content if isinstance(one, WriteFile) else name in one.command
        for one in steps
    )


LATE = ("runcmd", "commandsAsScript", "script", "part")
"""How the places of a document's last commands begin: one makes the sentinel file, and those after it may fail."""


def to_task(step: Step) -> dict[str, Any]:
    """The step as an item of the `steps` argument of the Ansible action `capra.machine.steps`."""
    if isinstance(step, WriteFile):
        return {
            "kind": "append" if step.append else "write",
            "title": step.title,
            "path": step.path,
            "content": base64.b64encode(step.content).decode(),
            "mode": step.mode,
            "owner": step.owner,
        }
    flags = {"late": step.source.startswith(LATE), "own": step.guarded is not None}
    told = {name: True for name, holds in flags.items() if holds}
    return {"kind": "command", "title": step.title, "command": step.command, **told}


def to_tasks(steps: Iterable[Step], sentinel: str = "") -> list[dict[str, Any]]:
    """`to_task` over all of them, in order, and at the end the look for the sentinel file, unless it is empty."""
    tasks = [to_task(step) for step in steps]
    if sentinel:
        tasks.append({"kind": "sentinel", "title": "look for the sentinel file", "path": sentinel})
    return tasks


def dump_tasks(steps: Iterable[Step], sentinel: str = "") -> bytes:
    """`to_tasks` as compressed JSON, for the role's `bootstrap_steps_file`: a few kilobytes of bootstrap data may hold
    compressed content of many megabytes."""
    return zlib.compress(json.dumps(to_tasks(steps, sentinel)).encode(), 1)


def load_tasks(document: bytes) -> list[dict[str, Any]]:
    """The other way round. Raises ValueError for anything else."""
    try:
        tasks: list[dict[str, Any]] = json.loads(zlib.decompress(document))
    except zlib.error:
        raise ValueError("is not what Capra has written") from None
    return tasks


def run_id(data: bytes, *, uid: str = "", commands_as_script: bool = False, working_dir: str = "/etc/k0smotron") -> str:
    """The id of the run that carries out this bootstrap data for the RemoteMachine with this UID: the same for the
    same input, so that whoever comes next finds the journal on the host."""
    script = working_dir if commands_as_script else ""
    text = b"\0".join([uid.encode(), script.encode(), hashlib.sha256(data).digest()])
    return f"bootstrap-{hashlib.sha256(text).hexdigest()[:20]}"
