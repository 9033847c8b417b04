"""Bootstrap data in a file on the control node, to steps. The one parser is capra.bootstrap: the Python package `capra`
beside Ansible, or its copy in a collection that `make collection` has built.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from ansible_collections.capra.machine.plugins.plugin_utils.given import DocumentError

try:
    from capra.bootstrap import Instance, InstanceDataMissing, read
    from capra.bootstrap.steps import load_tasks, run_id, to_tasks
    from capra.bootstrap.templates.instance_data import believed, instance_data
    from capra.errors import CapraError
    from capra.runs.rendering import render_within_bounds
except ImportError:
    read = None

NO_PARSER = (
    "the parser of bootstrap data is missing: run 'pip install .' in a checkout of Capra with the Python of"
    " ansible-playbook, or install the collection of a release, or the one that 'make collection' has built"
)


@dataclass(frozen=True)
class Document:
    """What is asked for. path: on the control node. name: `namespace/name` of the machine, or its name. ignored:
    constructs that are not wanted. The rest is as in the role's variables (roles/bootstrap/README.md)."""

    path: str
    data_format: str = ""
    commands_as_script: bool = False
    working_dir: str = "/etc/k0smotron"
    sentinel: str = ""
    name: str = ""
    uid: str = ""
    ignored: Sequence[str] = ()


def read_data(path: str, variable: str = "bootstrap_data_file") -> bytes:
    """The content of the file. variable: what names it. Raises DocumentError."""
    if not path:
        raise DocumentError(f"{variable} is missing: the path, on the control node, of the bootstrap data")
    if read is None:
        raise DocumentError(NO_PARSER)
    try:
        return Path(path).read_bytes()
    except FileNotFoundError:
        places = f"neither where the role and the playbook keep their files nor in {Path.cwd()}"
        raise DocumentError(f"{variable}: {path}: there is no such file, {places}") from None
    except OSError as error:
        raise DocumentError(f"{variable}: {path}: {error.strerror}") from None


def to_steps(document: Document, data: bytes, facts: Mapping[str, str] | None = None) -> list[dict[str, Any]]:
    """The steps as `capra.machine.steps` takes them. facts: what the host says of itself.

    Where the data has to be rendered with facts and there are none, the only step is of kind `document`, with the
    arguments. What there is to tell of the data comes first, as one of kind `notes`. Raises DocumentError.
    """
    namespace, _slash, own = document.name.rpartition("/")
    known = instance_data(believed(facts or {}), name=own, namespace=namespace, uid=document.uid, labels={})
    try:
        found = read(
            data,
            format=document.data_format,
            subject=document.path,
            instance=None if facts is None else Instance(known, render_within_bounds),
            commands_as_script=document.commands_as_script,
            working_dir=document.working_dir,
            ignored=document.ignored,
        )
    except InstanceDataMissing:
        return [{"kind": "document", **asdict(document), "ignored": list(document.ignored)}]
    except CapraError as error:
        raise DocumentError(str(error)) from None
    notes = [{"kind": "notes", "notes": list(found.notes)}] if found.notes else []
    return [*notes, *to_tasks(found.steps, sentinel=document.sentinel)]


def derived_run_id(document: Document, data: bytes) -> str:
    """The id of the run that carries out this data."""
    return run_id(
        data, uid=document.uid, commands_as_script=document.commands_as_script, working_dir=document.working_dir
    )


def planned_steps(path: str) -> list[dict[str, Any]]:
    """The steps in a file, which whoever planned the run has read from the data already. Raises DocumentError."""
    variable = "bootstrap_steps_file"
    try:
        return load_tasks(read_data(path, variable))
    except ValueError as error:
        raise DocumentError(f"{variable}: {path}: {error}") from None
