"""The filter that makes steps of cleanup commands says which one is no text."""

from __future__ import annotations

import pytest
from ansible.errors import AnsibleFilterError

from ansible_collections.capra.machine.plugins.filter.cleanup import cleanup_steps


def test_commands_are_steps_in_order() -> None:
    steps = cleanup_steps(["true", "x"])
    assert [step.get("command") for step in steps] == ["true", "x", None]


@pytest.mark.parametrize("binding", ["all", "running", "none"])
def test_the_host_is_looked_at_when_everything_else_is_done(binding: str) -> None:
    steps = cleanup_steps(["x"], binding=binding)
    assert [step["kind"] for step in steps] == ["command", "forget", *(["verify"] if binding != "none" else [])]
    assert [step["binding"] for step in steps if step["kind"] == "verify"] == ([] if binding == "none" else [binding])


@pytest.mark.parametrize(
    ("commands", "said"),
    [
        (["a", True], r"custom_cleanup_commands\[1\] is a bool, not a string; put it in quotes"),
        ([1.5], r"custom_cleanup_commands\[0\] is a float"),
        ("a command", "custom_cleanup_commands is a str, not a list of commands"),
        (None, "custom_cleanup_commands is a NoneType, not a list of commands"),
    ],
)
def test_what_is_no_text_is_named(commands: object, said: str) -> None:
    with pytest.raises(AnsibleFilterError, match=said):
        cleanup_steps(commands)  # type: ignore[arg-type]  # what a template may come to
