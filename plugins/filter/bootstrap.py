"""Filters: bootstrap data to steps. See the .yml files beside this one for what they take, and
plugin_utils/document.py for how it is done."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

from ansible.errors import AnsibleFilterError

from ansible_collections.capra.machine.plugins.plugin_utils import document
from ansible_collections.capra.machine.plugins.plugin_utils.document import Document
from ansible_collections.capra.machine.plugins.plugin_utils.given import DocumentError


@contextmanager
def _told() -> Iterator[None]:
    try:
        yield
    except DocumentError as error:
        raise AnsibleFilterError(str(error)) from None


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
    """The steps of the bootstrap data in a file on the control node, as `capra.machine.steps` takes them."""
    wanted = Document(path, data_format, commands_as_script, working_dir, sentinel, name, uid, tuple(ignored))
    with _told():
        return document.to_steps(wanted, document.read_data(path), facts)


def bootstrap_run_id(
    path: str, uid: str = "", commands_as_script: bool = False, working_dir: str = "/etc/k0smotron"
) -> str:
    """The id of the run that carries out the bootstrap data in a file on the control node."""
    wanted = Document(path, uid=uid, commands_as_script=commands_as_script, working_dir=working_dir)
    with _told():
        return document.derived_run_id(wanted, document.read_data(path))


def bootstrap_planned_steps(path: str) -> list[dict[str, Any]]:
    """The steps in a file on the control node, which whoever planned the run has read from the data already."""
    with _told():
        return document.planned_steps(path)


class FilterModule:
    """Registers the filters."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        """Filter names to functions."""
        return {
            "bootstrap_steps": bootstrap_steps,
            "bootstrap_planned_steps": bootstrap_planned_steps,
            "bootstrap_run_id": bootstrap_run_id,
        }
