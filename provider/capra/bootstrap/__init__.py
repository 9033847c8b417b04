"""Bootstrap data → ordered steps. Pure: reads no file, contacts nobody.

`read` gives the steps and what there is to tell of them, or InputError where the data is not usable; `digest` tells one
version from another.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass

from capra.bootstrap import cloud_config, document
from capra.bootstrap.constructs import Constructs
from capra.bootstrap.jinja import Instance, InstanceDataMissing
from capra.bootstrap.location import Location
from capra.bootstrap.script import as_script
from capra.bootstrap.steps import RunCommand, Step, WriteFile, to_task, to_tasks
from capra.bootstrap.values import text

__all__ = [
    "Instance",
    "InstanceDataMissing",
    "Parsed",
    "RunCommand",
    "Step",
    "WriteFile",
    "digest",
    "parse",
    "read",
    "to_task",
    "to_tasks",
]

DEFAULT_WORKING_DIR = "/etc/k0smotron"


@dataclass(frozen=True)
class Parsed:
    """steps: in order; at least one. notes: constructs that are accepted or ignored, and not done; each sentence begins
    with the path (`growpart is not done …`)."""

    steps: tuple[Step, ...]
    notes: tuple[str, ...] = ()


def read(
    data: bytes,
    *,
    format: str = "cloud-config",
    commands_as_script: bool = False,
    working_dir: str = DEFAULT_WORKING_DIR,
    subject: str = "bootstrap data",
    ignored: Iterable[str] = (),
    instance: Instance | None = None,
) -> Parsed:
    """The ordered steps.

    data: the Secret's `value`, plain or gzipped. format: its `format`; empty means cloud-config.
    commands_as_script: bootcmd and then runcmd become one script `<working_dir>/k0s_install.sh`, written
    after the other files. subject: what errors call the data. ignored: constructs that the user goes on without
    (`capra.bootstrap.constructs`). instance: what templates are rendered with.

    Raises InstanceDataMissing for a document that has to be rendered, without an instance; InputError, of which it is
    one, naming the place in the document. Nothing that is asked for is skipped in silence.
    """
    constructs = Constructs(ignored)
    found = cloud_config.stages(document.read_document(data, format, subject, instance), constructs, subject)
    if not (found.early or found.middle or found.late):
        raise Location(subject).error("has nothing to do: it asks for no file, no command and nothing else")
    if commands_as_script and (found.early or found.late):
        place = Location(subject, "workingDir")
        if not text(working_dir, place).startswith("/"):
            raise place.error("must be an absolute path: the script is written there")
        steps = (*found.middle, *as_script(found.early + found.late, working_dir))
    else:
        steps = (*found.early, *found.middle, *found.late)
    return Parsed(steps, constructs.notes)


def parse(
    data: bytes,
    *,
    format: str = "cloud-config",
    commands_as_script: bool = False,
    working_dir: str = DEFAULT_WORKING_DIR,
    subject: str = "bootstrap data",
) -> tuple[Step, ...]:
    """The steps of `read`."""
    return read(
        data, format=format, commands_as_script=commands_as_script, working_dir=working_dir, subject=subject
    ).steps


def digest(data: bytes) -> str:
    """SHA-256 of the data, in lower-case hexadecimal."""
    return hashlib.sha256(data).hexdigest()
