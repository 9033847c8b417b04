"""The steps that the action capra.machine.steps is given: as they are, or as bootstrap data in a file."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ansible.errors import AnsibleError
from ansible.plugins.action import ActionBase

from ansible_collections.capra.machine.plugins.plugin_utils.asking import ask
from ansible_collections.capra.machine.plugins.plugin_utils.session import Session

DOCUMENT: dict[str, Any] = {
    "type": "dict",
    "options": {
        "path": {"type": "str", "default": ""},
        "data_format": {"type": "str", "default": ""},
        "commands_as_script": {"type": "bool", "default": False},
        "working_dir": {"type": "str", "default": "/etc/k0smotron"},
        "sentinel": {"type": "str", "default": ""},
        "name": {"type": "str", "default": ""},
        "uid": {"type": "str", "default": ""},
        "ignored": {"type": "list", "elements": "str", "default": []},
    },
}
"""The argument `document`; the fields of `plugin_utils/document.py`."""


class DocumentError(Exception):
    """Bootstrap data in a file cannot be used. `str(error)` is one sentence for a person."""


def given_steps(
    action: ActionBase, session: Session, arguments: Mapping[str, Any]
) -> tuple[list[dict[str, Any]], str, list[str]]:
    """The steps, the id of their run, empty where it is not known, and what there is to tell of the data.

    Data that has to be rendered with what the host says of itself may also come as the only step, of kind `document`
    (the filter `bootstrap_steps`): then, and for such a file, the host is asked. Raises DocumentError and SessionError.
    """
    steps: list[dict[str, Any]] = arguments["steps"]
    run_id: str = arguments["run_id"]
    asked = arguments["document"]
    if asked is None and [step.get("kind") for step in steps] == ["document"]:
        asked = {name: value for name, value in steps[0].items() if name != "kind"}
    if asked is not None:
        # Ordinary runs come with their steps, and need no parser.
        from ansible_collections.capra.machine.plugins.plugin_utils import document  # noqa: PLC0415

        wanted = document.Document(**{**asked, "path": _found(action, asked["path"])})
        data = document.read_data(wanted.path)
        run_id = run_id or document.derived_run_id(wanted, data)
        steps = document.to_steps(wanted, data)
        if [step["kind"] for step in steps] == ["document"]:
            steps = document.to_steps(wanted, data, ask(session)[0])
    notes = [note for step in steps if step.get("kind") == "notes" for note in step["notes"]]
    return [step for step in steps if step.get("kind") != "notes"], run_id, notes


def _found(action: ActionBase, path: str) -> str:
    """Where the file is: as Ansible looks for the files of roles and playbooks, else from the current directory. What
    is nowhere is left as it is."""
    try:
        return str(action._find_needle("files", path)) if path else path
    except AnsibleError:
        return path
