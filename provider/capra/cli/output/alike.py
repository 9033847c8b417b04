"""What many machines share is told once. Pure."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Sequence

from capra.cli.output.result import NOT_BEGUN, MachineResult
from capra.cli.text import first_line
from capra.model.machine import MachineKey

NAMES_SHOWN = 4
"""Names of machines that are listed before the others are counted."""


def display_name(key: MachineKey) -> str:
    """`name`, with the namespace where it is not the default one."""
    return key.name if key.namespace == "default" else f"{key.namespace}/{key.name}"


def cause_of(result: MachineResult) -> tuple[str, str]:
    """Outcome and message without what names the machine: the same for machines that have ended for the same cause."""
    message = first_line(result.message)
    for own in sorted((result.machine.spec.address, result.machine.key.name), key=len, reverse=True):
        message = message.replace(own, "*") if own else message
    return result.outcome, message


def alike(
    results: Iterable[MachineResult], same: Callable[[MachineResult], Hashable] = cause_of
) -> list[list[MachineResult]]:
    """Groups of those for which `same` is the same, in the order of their first ones."""
    groups: dict[Hashable, list[MachineResult]] = {}
    for result in results:
        groups.setdefault(same(result), []).append(result)
    return list(groups.values())


def listed_names(results: Sequence[MachineResult], shown: int = NAMES_SHOWN) -> str:
    """`node-1, node-2 and 5 more`."""
    listed = [display_name(result.machine.key) for result in results]
    if len(listed) <= shown + 1:
        return ", ".join(listed)
    return f"{', '.join(listed[:shown])} and {len(listed) - shown} more"


def totals(count: int, ended: Sequence[MachineResult], at_work: int = 0) -> str:
    """`30 machines: 4 failed, 12 done, 8 at work, 6 waiting`. count: of all machines."""
    done = sum(result.ok for result in ended)
    not_begun = sum(result.outcome == NOT_BEGUN for result in ended)
    parts = {
        "failed": len(ended) - done - not_begun,
        "not begun": not_begun,
        "done": done,
        "at work": at_work,
        "waiting": count - len(ended) - at_work,
    }
    told = ", ".join(f"{number} {what}" for what, number in parts.items() if number)
    return f"{count} machine{'s' if count != 1 else ''}: {told}"
