"""Tags of steps mean what Ansible's tags of tasks mean, and nothing that is needed is left out."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml
from ansible.parsing.dataloader import DataLoader
from ansible.playbook.block import Block
from ansible.playbook.play import Play
from ansible.playbook.task import Task
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.capra.machine.plugins.filter.cleanup import cleanup_steps
from ansible_collections.capra.machine.plugins.plugin_utils.selection import STAYS, SelectionError, is_selected, select

ROLES = Path(__file__).parents[3] / "roles"
OF_A_STEP = ("a", "b", "always", "never")
OF_A_USER = ("a", "b", "all", "tagged", "untagged", "always", "never")


@given(
    tags=st.sets(st.sampled_from(OF_A_STEP)),
    only=st.sets(st.sampled_from(OF_A_USER)),
    skip=st.sets(st.sampled_from(OF_A_USER)),
)
def test_a_step_is_selected_as_ansible_selects_a_task(tags: set[str], only: set[str], skip: set[str]) -> None:
    task = Task.load({"debug": {}, "tags": sorted(tags)}, block=Block(play=Play()))
    assert is_selected(tags, only, skip) == task.evaluate_tags(sorted(only), sorted(skip), {})


def steps_of(role: str) -> list[dict[str, Any]]:
    [task] = yaml.safe_load((ROLES / role / "tasks" / "main.yml").read_text())
    steps = task["capra.machine.steps"]["steps"]
    return (
        [*cleanup_steps(["x"]), {"kind": "verify", "tags": ["verify"], "looks": True}]
        if isinstance(steps, str)
        else steps
    )


CLEANUPS = sorted(path.name for path in ROLES.glob("*_cleanup"))


@pytest.mark.parametrize("role", CLEANUPS)
def test_each_phase_of_a_cleanup_has_a_tag_of_its_own_and_a_title(role: str) -> None:
    steps = steps_of(role)
    names = [step["tags"][0] for step in steps]
    assert len(set(names)) == len(names)
    assert all(step["title"] for step in steps if role != "custom_cleanup")
    assert set(names) >= {tag for step in steps for tag in step.get("needs", [])}
    readme = (ROLES / role / "README.md").read_text()
    assert [name for name in names if f"`{name}`" not in readme] == []


@pytest.mark.parametrize("role", CLEANUPS)
def test_all_steps_run_without_tags_and_with_the_tag_of_the_role(role: str) -> None:
    steps = steps_of(role)
    every = [tag for step in steps for tag in step["tags"]]
    for only, inherited in ((["all"], every), (["cleanup"], [*every, "cleanup"])):
        selection = select(steps, inherited, only)
        assert len(selection.steps) == len(steps)
        assert not selection.part
        assert not any(set(step) & {"tags", "needs", "looks"} for step in selection.steps)


@pytest.mark.parametrize("role", CLEANUPS)
@pytest.mark.parametrize("skipped", ["none", "one", "all"])
def test_ansible_runs_the_task_unless_its_own_tags_say_so(role: str, skipped: str) -> None:
    """A skipped phase is no skipped task. The last tag of each is the verification's."""
    tasks = ROLES / role / "tasks" / "main.yml"
    [task] = DataLoader().load_from_file(str(tasks), trusted_as_template=True)
    every = sorted({tag for step in steps_of(role) for tag in step["tags"]})
    skip = {"none": [], "one": every[:1], "all": every}[skipped]
    block = Block(play=Play())
    loaded = Task.load({"debug": {}, "tags": task["tags"]}, block=block, loader=DataLoader())
    templar = {"ansible_skip_tags": skip}
    assert loaded.evaluate_tags(["all"], skip, templar)
    assert sorted(loaded.tags) == [tag for tag in every if tag not in skip]
    assert loaded.evaluate_tags([every[-1]], skip, templar) is (skipped != "all")
    assert not loaded.evaluate_tags(["deploy"], skip, templar)


def test_nothing_runs_for_the_tags_of_others() -> None:
    assert select(steps_of("k0s_cleanup"), ["leave"], ["deploy"]).steps == ()
    assert select(steps_of("k0s_cleanup"), ["leave"], ["all"], ["all"]).steps == ()


def _titles(role: str, only: list[str], skip: list[str]) -> list[str]:
    return [step["title"] for step in select(steps_of(role), ["leave"], only, skip).steps]


@pytest.mark.parametrize(
    ("role", "only", "skip", "titles"),
    [
        ("k0s_cleanup", ["leave"], [], ["leave etcd"]),
        ("k0s_cleanup", ["leave", "stop", "reset"], [], ["leave etcd", "stop k0s", "reset k0s"]),
        ("k0s_cleanup", ["all"], ["reset", "network", "forget", "verify"],
         ["leave etcd", "stop k0s", "remove what is left of k0s"]),
        ("kubeadm_cleanup", ["leave"], [], ["leave etcd"]),
        ("rke2_cleanup", ["uninstall"], [], ["uninstall RKE2"]),
        ("k3s_cleanup", ["verify"], [], ["verify that nothing of a Kubernetes distribution is left"]),
    ],
)  # fmt: skip
def test_a_part(role: str, only: list[str], skip: list[str], titles: list[str]) -> None:
    assert _titles(role, only, skip) == titles


@pytest.mark.parametrize(
    ("role", "only", "skip", "said"),
    [
        ("k0s_cleanup", ["reset"], [],
         "`reset k0s` needs the steps that the tags leave out: `leave etcd`, `stop k0s`; nothing was done. "
         "Run it with --tags leave,stop,reset, or leave reset out, too"),
        ("k0s_cleanup", ["all"], ["leave"], "`stop k0s` needs the steps that the tags leave out: `leave etcd`"),
        ("k0s_cleanup", ["network"], [], "--tags leave,stop,remove,network,"),
        ("kubeadm_cleanup", ["forget"], [], "--tags leave,reset,remove,forget,"),
        ("rke2_cleanup", ["all"], ["remove"], "`remove what Capra left` needs .*: `remove what is left of"),
        ("custom_cleanup", ["forget"], [], "`remove what Capra left` needs .*: `cleanUpCommands.0.: x`"),
    ],
)  # fmt: skip
def test_what_a_selected_step_needs_is_not_left_out(role: str, only: list[str], skip: list[str], said: str) -> None:
    with pytest.raises(SelectionError, match=said):
        select(steps_of(role), ["leave"], only, skip)


def test_a_part_that_leaves_what_capra_wrote_is_no_whole_cleanup() -> None:
    steps = steps_of("k0s_cleanup")
    for only, skip, part, looks in (
        (["verify"], [], True, True),
        (["leave"], [], True, False),
        (["leave", "verify"], [], True, False),
        (["all"], ["forget"], True, False),
        (["all"], ["leave_nothing_out"], False, False),
    ):
        selection = select(steps, ["leave"], only, skip)
        assert (selection.part, selection.looks) == (part, looks), (only, skip)
        assert bool(selection.told) is (part and not looks)


@pytest.mark.parametrize(
    ("role", "only", "skip"),
    [
        ("k3s_cleanup", ["remove", "forget"], []),
        ("k3s_cleanup", ["all"], ["verify"]),
        ("k3s_cleanup", ["all"], ["uninstall", "verify"]),
        ("k0s_cleanup", ["all"], ["verify"]),
        ("k0s_cleanup", ["all"], ["verify_host"]),
        ("custom_cleanup", ["commands", "forget"], []),
    ],
)
def test_a_cleanup_that_nobody_verifies_is_a_part(role: str, only: list[str], skip: list[str]) -> None:
    selection = select(steps_of(role), [], only, skip)
    assert "forget" in {step["kind"] for step in selection.steps}
    assert (selection.part, selection.looks) == (True, False)
    assert selection.told == f"nobody has verified that the host is clean: {STAYS}"


@pytest.mark.parametrize(
    ("steps", "skip"),
    [
        (steps_of("k3s_cleanup"), ["uninstall"]),
        (steps_of("k0s_cleanup"), ["verify_k0s"]),
        ([*cleanup_steps(["x"], binding="none"), {"kind": "command", "tags": ["more"]}], ["more"]),
    ],
)
def test_a_cleanup_that_gives_the_host_back_is_no_part(steps: list[dict[str, Any]], skip: list[str]) -> None:
    """It is verified, or there is no verification that was left out."""
    selection = select(steps, [], ["all"], skip)
    assert len(selection.steps) == len(steps) - 1
    assert (selection.part, selection.told) == (False, "")


@pytest.mark.parametrize("role", CLEANUPS)
@pytest.mark.parametrize(("only", "skip"), [(["verify"], []), (["all"], [])])
def test_a_tag_around_the_role_is_no_phases_name(role: str, only: list[str], skip: list[str]) -> None:
    """Else a look would stand for the cleanup that its play means, and the play would be green."""
    steps = steps_of(role)
    every = [tag for step in steps for tag in step["tags"]]
    with pytest.raises(
        SelectionError, match="has the tag verify, which is also the name of a phase: `--tags verify` could"
    ):
        select(steps, every, only, skip, ["site", "verify"])
    assert select(steps, [*every, "site"], ["site"], skip, ["site"]).part is False


@pytest.mark.parametrize("tag", ["always", "never"])
def test_what_ansible_means_by_a_tag_is_no_phases_name(tag: str) -> None:
    steps = [{"kind": "command", "tags": ["a", tag]}]
    assert len(select(steps, ["a", tag], ["a"], (), [tag]).steps) == 1


def test_steps_without_tags_are_those_of_their_task() -> None:
    assert len(select([{"kind": "command"}], ["a"], ["a"]).steps) == 1
    assert len(select([{"kind": "command"}, {"kind": "command", "tags": ["b"]}], ["a"], ["b"]).steps) == 1
