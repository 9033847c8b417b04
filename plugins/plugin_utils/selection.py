"""Which steps `--tags` and `--skip-tags` of ansible-playbook select. Pure.

All steps of a task run in one session on the host, and Ansible can select tasks only. So each step has tags of its own,
which mean what tags of a task mean (Ansible's documentation, 'Tags'). The task has the tags of all its steps, without
those that are skipped: Ansible would skip it as a whole.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence, Set
from dataclasses import dataclass
from typing import Any

OWN = ("tags", "needs", "looks")
"""Fields of a step that say when it is selected, and nothing of what it does."""

ALWAYS, NEVER, ALL, TAGGED, UNTAGGED = "always", "never", "all", "tagged", "untagged"


class SelectionError(ValueError):
    """A selection that leaves out a step that a selected one needs."""


@dataclass(frozen=True)
class Selection:
    """The selected steps, without the fields `tags`, `needs` and `looks`. part: others were left out, a step of kind
    forget among them, so that the host still is its machine's afterwards. looks: a part that changes nothing."""

    steps: tuple[dict[str, Any], ...]
    part: bool = False
    looks: bool = False


def select(
    steps: Sequence[Mapping[str, Any]],
    inherited: Collection[str] = (),
    only: Collection[str] = (ALL,),
    skip: Collection[str] = (),
) -> Selection:
    """Select steps. inherited: tags of the task; those that no step has are those of its role or play. only, skip: what
    `--tags` and `--skip-tags` say. Where no step has tags, all are selected: Ansible has selected their task. Raises
    SelectionError."""
    if not any(step.get("tags") for step in steps):
        return Selection(tuple(map(_bare, steps)))
    every = set().union(*map(_tags, steps))
    tags = [_tags(step) | (set(inherited) - every) for step in steps]
    chosen = [step for step, own in zip(steps, tags, strict=True) if is_selected(own, set(only), set(skip))]
    _check_needs(steps, chosen)
    kept = {step.get("kind") for step in chosen}
    part = len(chosen) < len(steps) and any(step.get("kind") == "forget" for step in steps) and "forget" not in kept
    return Selection(tuple(map(_bare, chosen)), part, part and all(step.get("looks") for step in chosen))


def is_selected(tags: Set[str], only: Set[str], skip: Set[str]) -> bool:
    """True for a task with these tags, as ansible-core decides it (ansible/playbook/taggable.py)."""
    tags = tags or {UNTAGGED}
    if only and ALWAYS not in tags and not tags & only:
        special = {ALL} if tags == {UNTAGGED} else {ALL, TAGGED}
        if NEVER in tags or not special & only:
            return False
    if ALL in skip:
        return ALWAYS in tags and ALWAYS not in skip
    return not tags & skip and not (TAGGED in skip and tags != {UNTAGGED})


def _tags(step: Mapping[str, Any]) -> set[str]:
    return {str(tag) for tag in step.get("tags") or ()}


def _bare(step: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in step.items() if name not in OWN}


def _check_needs(steps: Sequence[Mapping[str, Any]], chosen: Sequence[Mapping[str, Any]]) -> None:
    for step in chosen:
        missing = [needed for needed in _needed(steps, step) if needed not in chosen]
        if missing:
            names = ", ".join(_name(one) for one in missing)
            wanted = ",".join(_first_tag(one) for one in steps if one in missing or one in chosen)
            raise SelectionError(
                f"the step {_name(step)} needs the steps that the tags leave out: {names}; nothing was done. "
                f"Run it with --tags {wanted}, or leave {_first_tag(step)} out, too"
            )


def _needed(steps: Sequence[Mapping[str, Any]], step: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    """The steps before this one that it needs, and those that they need, in order."""
    wanted = {str(tag) for tag in step.get("needs") or ()}
    earlier = list(steps[: steps.index(step)])
    found = []
    for one in reversed(earlier):
        if _tags(one) & wanted:
            wanted |= {str(tag) for tag in one.get("needs") or ()}
            found.append(one)
    yield from reversed(found)


def _name(step: Mapping[str, Any]) -> str:
    return f"`{step.get('title') or step.get('kind')}`"


def _first_tag(step: Mapping[str, Any]) -> str:
    return next((str(tag) for tag in step.get("tags") or ()), ALL)
