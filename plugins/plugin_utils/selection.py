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

GIVES_BACK = {"forget", "verify"}
"""Kinds of steps that give a host back: a cleanup without one of those that it has is a part."""

ALWAYS, NEVER, ALL, TAGGED, UNTAGGED = "always", "never", "all", "tagged", "untagged"


STAYS = "it stays its machine's until a cleanup with all phases has ended well"


class SelectionError(ValueError):
    """A selection that leaves out a step that a selected one needs, or a tag that may mean a step or all of them."""


@dataclass(frozen=True)
class Selection:
    """The selected steps, without the fields `tags`, `needs` and `looks`. part: others were left out, one of those that
    give the host back among them, so that it still is its machine's afterwards. looks: a part that changes nothing."""

    steps: tuple[dict[str, Any], ...]
    part: bool = False
    looks: bool = False

    @property
    def told(self) -> str:
        """What to tell of a part of a cleanup that has changed something; empty for all else."""
        if not self.part or self.looks:
            return ""
        if any(step.get("kind") == "forget" for step in self.steps):
            return f"nobody has verified that the host is clean: {STAYS}"
        return f"only a part of the cleanup was selected: {STAYS}"


def select(
    steps: Sequence[Mapping[str, Any]],
    inherited: Collection[str] = (),
    only: Collection[str] = (ALL,),
    skip: Collection[str] = (),
    outer: Collection[str] = (),
) -> Selection:
    """Select steps. inherited: tags of the task; those that no step has are for all steps. only, skip: what `--tags`
    and `--skip-tags` say. outer: tags of the task's role, play and blocks. Where no step has tags, all are selected:
    Ansible has selected their task. Raises SelectionError."""
    if not any(step.get("tags") for step in steps):
        return Selection(tuple(map(_bare, steps)))
    every = set().union(*map(_tags, steps))
    _check_outer(every, outer)
    tags = [_tags(step) | (set(inherited) - every) for step in steps]
    chosen = [step for step, own in zip(steps, tags, strict=True) if is_selected(own, set(only), set(skip))]
    _check_needs(steps, chosen)
    kept = {step.get("kind") for step in chosen}
    kinds = {step.get("kind") for step in steps}
    part = "forget" in kinds and not kinds & GIVES_BACK <= kept
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


def _check_outer(every: Set[str], outer: Collection[str]) -> None:
    """Ansible would take such a tag for all steps: `--tags verify` would reset the host of who wants a look, or do no
    more than look for who wants the role that has the tag; `--skip-tags verify` would skip the whole role."""
    both = sorted((every & set(outer)) - {ALWAYS, NEVER})
    if both:
        raise SelectionError(
            f"the play, the role or a block around this task has the tag {both[0]}, which is also the name of a phase: "
            f"`--tags {both[0]}` could mean that phase or all of them; nothing was done. Give the play, the role or "
            f"the block a tag that is none of {', '.join(sorted(every))}"
        )


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
