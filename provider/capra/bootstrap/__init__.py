"""Bootstrap data → ordered steps. Pure: reads no file, contacts nobody.

`parse` gives the steps, or InputError where the data is not usable; `digest` tells one version from another.
"""

from __future__ import annotations

import hashlib

from capra.bootstrap import cloud_config, document
from capra.bootstrap.location import Location
from capra.bootstrap.script import as_script
from capra.bootstrap.steps import RunCommand, Step, WriteFile, to_task, to_tasks

__all__ = ["RunCommand", "Step", "WriteFile", "digest", "parse", "to_task", "to_tasks"]

DEFAULT_WORKING_DIR = "/etc/k0smotron"


def parse(
    data: bytes,
    *,
    format: str = "cloud-config",
    commands_as_script: bool = False,
    working_dir: str = DEFAULT_WORKING_DIR,
    subject: str = "bootstrap data",
) -> tuple[Step, ...]:
    """The ordered steps; at least one.

    data: the Secret's `value`, plain or gzipped. format: its `format`; empty means cloud-config.
    commands_as_script: bootcmd and then runcmd become one script `<working_dir>/k0s_install.sh`, written
    after the other files. subject: what errors call the data.

    Raises InputError naming the place in the document; nothing that is asked for is skipped in silence.
    """
    content = document.read_document(data, format, subject)
    cloud_config.refuse_unsupported(content, subject)
    early = cloud_config.commands(content, "bootcmd", subject)
    files = cloud_config.files(content, subject)
    late = cloud_config.commands(content, "runcmd", subject)
    if not (early or files or late):
        raise Location(subject).error("has nothing to do: write_files, bootcmd and runcmd are empty or missing")
    if commands_as_script and (early or late):
        place = Location(subject, "workingDir")
        if not cloud_config.text(working_dir, place).startswith("/"):
            raise place.error("must be an absolute path: the script is written there")
        return (*files, *as_script(early + late, working_dir))
    return (*early, *files, *late)


def digest(data: bytes) -> str:
    """SHA-256 of the data, in lower-case hexadecimal."""
    return hashlib.sha256(data).hexdigest()
