"""Filters: bootstrap data to steps. A shim: the one parser is capra.bootstrap, in the Python package `capra`."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from ansible.errors import AnsibleFilterError

try:
    from capra.bootstrap import Instance, InstanceDataMissing, read
    from capra.bootstrap.steps import load_tasks, run_id, to_tasks
    from capra.bootstrap.templates.instance_data import believed, instance_data
    from capra.errors import CapraError
    from capra.runs.rendering import render_within_bounds
except ImportError:
    read = None


def _data(path: str, variable: str = "bootstrap_data_file") -> bytes:
    if not path:
        raise AnsibleFilterError(f"{variable} is missing: the path, on the control node, of the bootstrap data")
    if read is None:
        raise AnsibleFilterError(
            "the Python package capra is missing beside Ansible: run pip install . in its checkout"
        )
    try:
        return Path(path).read_bytes()
    except OSError as error:
        raise AnsibleFilterError(f"{variable}: {path}: {error.strerror}") from None


def bootstrap_steps(
    path: str,
    data_format: str = "",
    commands_as_script: bool = False,
    working_dir: str = "/etc/k0smotron",
    sentinel: str = "",
    name: str = "",
    uid: str = "",
    ignored: Sequence[str] = (),
    facts: Mapping[str, str] | None = None,
) -> list[dict[str, Any]]:
    """The steps of the bootstrap data in a file on the control node, as `capra.machine.steps` takes them.

    name: `namespace/name` of the machine, or its name. ignored: constructs that are not wanted. facts: what the host
    says of itself. Where the data has to be rendered with it and it is missing, the only step is of kind `document`,
    with the arguments: the action asks the host. What there is to tell of the data comes first, as one of kind `notes`.
    """
    data = _data(path)
    namespace, _, own = name.rpartition("/")
    known = instance_data(believed(facts or {}), name=own, namespace=namespace, uid=uid, labels={})
    options = {"commands_as_script": commands_as_script, "working_dir": working_dir, "ignored": list(ignored)}
    try:
        found = read(
            data,
            format=data_format,
            subject=path,
            instance=None if facts is None else Instance(known, render_within_bounds),
            **options,
        )
        notes = [{"kind": "notes", "notes": list(found.notes)}] if found.notes else []
        return [*notes, *to_tasks(found.steps, sentinel=sentinel)]
    except InstanceDataMissing:
        asked = {"data_format": data_format, "sentinel": sentinel, "name": name, "uid": uid, **options}
        return [{"kind": "document", "path": path, **asked}]
    except CapraError as error:
        raise AnsibleFilterError(str(error)) from None


def bootstrap_run_id(
    path: str, uid: str = "", commands_as_script: bool = False, working_dir: str = "/etc/k0smotron"
) -> str:
    """The id of the run that carries out the bootstrap data in a file on the control node."""
    data = _data(path)
    return run_id(data, uid=uid, commands_as_script=commands_as_script, working_dir=working_dir)


def bootstrap_planned_steps(path: str) -> list[dict[str, Any]]:
    """The steps in a file on the control node, which whoever planned the run has read from the data already."""
    try:
        return load_tasks(_data(path, "bootstrap_steps_file"))
    except ValueError as error:
        raise AnsibleFilterError(f"bootstrap_steps_file: {path}: {error}") from None


class FilterModule:
    """Registers the filters."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        """Filter names to functions."""
        return {
            "bootstrap_steps": bootstrap_steps,
            "bootstrap_planned_steps": bootstrap_planned_steps,
            "bootstrap_run_id": bootstrap_run_id,
        }
