"""The steps of the role k0s_cleanup: which of them look again where an earlier attempt was killed."""

from __future__ import annotations

from pathlib import Path

import yaml

TASKS = Path(__file__).parents[3] / "roles" / "k0s_cleanup" / "tasks" / "main.yml"


def test_whatever_others_may_have_changed_meanwhile_is_looked_at_again() -> None:
    """Others may have joined etcd, and somebody may have started k0s, since this host has left or stopped."""
    [task] = yaml.safe_load(TASKS.read_text())
    steps = [step for step in task["capra.machine.steps"]["steps"] if step["kind"] == "script"]
    phases = {step["arguments"][0].removeprefix("--phase="): bool(step.get("always")) for step in steps}
    assert list(phases) == ["leave", "stop", "reset", "remove", "verify"]
    assert [name for name, always in phases.items() if always] == ["leave", "stop", "verify"]
    assert all(step.get("always") or step.get("check") for step in steps)
