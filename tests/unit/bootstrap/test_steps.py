"""Steps as arguments of the Ansible action, and what their titles may say."""

import base64

from capra.bootstrap import RunCommand, WriteFile, steps, to_task, to_tasks
from tests.support.bootstrap_data import parse

SECRET = "hunter2"


def test_titles_hold_no_content() -> None:
    made = parse(
        b"write_files: [{path: /a, content: hunter2}, {path: /b, content: hunter2, append: true}]\n"
        b"runcmd: [echo hunter2]\n"
    )
    assert [step.title for step in made] == ["write /a", "append to /b", "run runcmd[0]"]
    assert RunCommand(SECRET).title == "run command"


def test_file_as_task() -> None:
    content = bytes(range(256))
    task = to_task(WriteFile("/a", content, mode="0600", owner="root:root"))
    assert base64.b64decode(task.pop("content")) == content
    assert task == {"kind": "write", "title": "write /a", "path": "/a", "mode": "0600", "owner": "root:root"}
    assert to_task(WriteFile("/a", b"", append=True))["kind"] == "append"


def test_tasks_end_with_the_sentinel() -> None:
    command = RunCommand("true", source="runcmd[0]")
    expected = {"kind": "command", "title": "run runcmd[0]", "command": "true", "late": True}
    assert to_tasks([command]) == [expected]
    first, last = to_tasks([command], sentinel="/run/done")
    assert first == expected
    assert (last["kind"], last["path"]) == ("sentinel", "/run/done")


def test_run_id_tells_what_matters() -> None:
    ids = {
        steps.run_id(b"a"),
        steps.run_id(b"b"),
        steps.run_id(b"a", uid="1"),
        steps.run_id(b"a", commands_as_script=True),
        steps.run_id(b"a", commands_as_script=True, working_dir="/x"),
    }
    assert len(ids) == 5
    assert steps.run_id(b"a") == steps.run_id(b"a", working_dir="/x")
