"""Bootstrap data → ordered steps. Pure: reads no file, contacts nobody.

`read` gives the steps and what there is to tell of them, or InputError where the data is not usable; `digest` tells one
version from another.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass

from capra.bootstrap import cloud_config, formats, ignition, userdata
from capra.bootstrap.constructs import Constructs
from capra.bootstrap.reading import document
from capra.bootstrap.reading.location import Location
from capra.bootstrap.reading.values import text
from capra.bootstrap.script import as_script
from capra.bootstrap.steps import RunCommand, Step, WriteFile, to_task, to_tasks
from capra.bootstrap.templates.jinja import Instance, InstanceDataMissing
from capra.bootstrap.userdata.scripts import RUNCMD

__all__ = [
    "Instance",
    "InstanceDataMissing",
    "Parsed",
    "RunCommand",
    "Step",
    "WriteFile",
    "digest",
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
    format: str = "",
    commands_as_script: bool = False,
    working_dir: str = DEFAULT_WORKING_DIR,
    subject: str = "bootstrap data",
    ignored: Iterable[str] = (),
    instance: Instance | None = None,
) -> Parsed:
    """The ordered steps.

    data: the Secret's `value`, plain or gzipped. format: its `format`: `cloud-config` for cloud-init's user data in all
    its forms, `ignition`, or empty: then the data tell it.
    commands_as_script: bootcmd and then runcmd become one script `<working_dir>/k0s_install.sh`, written after the
    other files; scripts are written to `<working_dir>/scripts`. subject: what errors call the data. ignored: constructs
    that the user goes on without (`capra.bootstrap.constructs`). instance: what templates are rendered with.

    Raises InstanceDataMissing for a document that has to be rendered, without an instance; InputError, of which it is
    one, naming the place in the document. Nothing that is asked for is skipped in silence.
    """
    constructs = Constructs(ignored)
    place = Location(subject)
    formats.check(format, place)
    content = document.read_text(data, place)
    if formats.is_ignition(format, content, place):
        return Parsed(ignition.ignition_steps(content, subject, constructs), constructs.notes)
    found = userdata.read_user_data(content, subject, constructs, instance)
    stages = cloud_config.stages(found.document, constructs, subject)
    if not (stages.early or stages.middle or stages.late or found.scripts):
        raise place.error("has nothing to do: it asks for no file, no command and nothing else")
    return Parsed(_in_order(stages, found.scripts, commands_as_script, working_dir, place), constructs.notes)


def _in_order(
    stages: cloud_config.Stages,
    scripts: Iterable[userdata.Script],
    commands_as_script: bool,
    working_dir: str,
    place: Location,
) -> tuple[Step, ...]:
    """All steps. Scripts run with runcmd, in the order of their names (`capra.bootstrap.userdata.scripts`)."""
    scripts = tuple(scripts)
    script_of_commands = commands_as_script and bool(stages.early or stages.late)
    if scripts or script_of_commands:
        at = place.key("workingDir")
        if not text(working_dir, at).startswith("/"):
            raise at.error("must be an absolute path: the script is written there")
    early: tuple[Step, ...] = stages.early
    late: tuple[Step, ...] = stages.late
    if script_of_commands:
        early, late = (), as_script(stages.early + stages.late, working_dir)
    before = [step for script in scripts if script.name < RUNCMD for step in script.steps(working_dir)]
    after = [step for script in scripts if script.name > RUNCMD for step in script.steps(working_dir)]
    return (*early, *stages.middle, *before, *late, *after)


def digest(data: bytes) -> str:
    """SHA-256 of the data, in lower-case hexadecimal."""
    return hashlib.sha256(data).hexdigest()
