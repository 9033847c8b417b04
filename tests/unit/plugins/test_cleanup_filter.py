"""The filter that makes steps of cleanup commands says which one is no text."""

from __future__ import annotations

import pytest
from ansible.errors import AnsibleFilterError

from ansible_collections.capra.machine.plugins.filter.cleanup import cleanup_changed, cleanup_steps


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


CLEAN = ["found: binary none, role unknown", "leave: nothing to do (role: unknown)", "stop: nothing to do"]


@pytest.mark.parametrize(
    ("steps", "changed"),
    [
        ([("script", "\n".join(CLEAN)), ("forget", "")], False),
        ([("script", "stop: stopped k0sworker")], True),
        ([("script", "stop: stopped k0sworker"), ("script", "verify: no service\nchanged: no")], False),
        ([("script", "verify: no service\nchanged: no"), ("forget", "removed /etc/k0s.token")], True),
        ([("script", "reset: no script of rke2 that uninstalls it; removing by hand"),
          ("clear", "clear: nothing to do (nothing is known of a bootstrap on this host)")], False),
        ([("script", "reset: warning: rke2-uninstall.sh, status 1: x; removing by hand")], True),
        ([("clear", "clear: removed service k3s")], True),
        ([("verify", "verify: nothing of a Kubernetes distribution"), ("clear", "clear: nothing to do")], False),
        ([("script", "")], True),
    ],
)  # fmt: skip
def test_a_host_that_was_clean_has_not_been_changed(steps: list[tuple[str, str]], changed: bool) -> None:
    result = {"changed": True, "steps": [{"kind": kind, "output": output} for kind, output in steps]}
    assert cleanup_changed(result) is changed
    assert cleanup_changed(result | {"changed": False}) is False


def test_a_cleanup_that_was_skipped_or_never_began_has_changed_nothing() -> None:
    assert not cleanup_changed({"skipped": True, "changed": False})
    assert not cleanup_changed({"failed": True, "unreachable": True})
