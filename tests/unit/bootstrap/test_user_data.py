"""What is told of cloud-init's user data of several parts, and what a user may go on without."""

import pytest

from capra.bootstrap import RunCommand, WriteFile, read
from capra.errors import InputError

ARCHIVE = b"""#cloud-config-archive
- {type: text/cloud-boothook, filename: early.sh, content: '#!/bin/sh'}
- {content: 'runcmd: [a]', launch-index: 1, merge_how: 'list(append)'}
- {content: '#!/bin/sh', launch-index: 0}
- "#cloud-config\\nruncmd: [b]\\nbootcmd: []\\nlaunch-index: 2"
"""


@pytest.mark.parametrize(
    ("ignored", "refused"),
    [((), "part[0]"), (("part[0]",), "part[1].merge_how"), (("part[1]",), "part[0]"), (("part[0].type",), "part[0]")],
)
def test_a_part_is_refused_by_its_number(ignored: tuple[str, ...], refused: str) -> None:
    with pytest.raises(InputError) as raised:
        read(ARCHIVE, ignored=ignored)
    assert raised.value.field == refused


def test_what_is_told_of_parts() -> None:
    parsed = read(ARCHIVE, ignored=["part[0]", "part.merge_how"])
    launch_index = "is not looked at: a host has no launch index, and takes every part"
    assert parsed.notes == (
        "part[0] is ignored, as the machine says",
        f"part[1].launch-index {launch_index}",
        "part[1].merge_how is ignored, as the machine says",
        f"part[2].launch-index {launch_index}",
        f"part[3].launch-index {launch_index}",
        "part[1].runcmd is replaced by that of part[3], as cloud-init does",
    )
    assert [step.source for step in parsed.steps] == ["part[2]", "part[2]", "runcmd[0]"]


def test_equal_and_empty_values_are_replaced_in_silence() -> None:
    data = b"#cloud-config-archive\n- 'runcmd: [a]'\n- {content: 'runcmd: [a]'}\n- {content: 'bootcmd: '}\n"
    assert read(data).notes == ()


def test_a_user_who_goes_on_without_all_parts_has_nothing_to_do() -> None:
    with pytest.raises(InputError, match="has nothing to do"):
        read(b"MIME-Version: 1.0\nContent-Type: image/png\n\nx\n", ignored=["part"])


def test_scripts_stand_beside_the_script_of_all_commands() -> None:
    data = b"#cloud-config-archive\n- 'bootcmd: [b]\n\n  runcmd: [a]'\n- {filename: a, content: '#!/bin/sh'}\n"
    steps = read(data, commands_as_script=True, working_dir="/w").steps
    assert [step.path if isinstance(step, WriteFile) else step.command for step in steps] == [
        "/w/scripts/a",
        "'/w/scripts/a'",
        "/w/k0s_install.sh",
        "'/w/k0s_install.sh'",
    ]
    assert isinstance(steps[2], WriteFile)
    assert steps[2].content.endswith(b"b\na\n")


def test_a_host_reads_a_script_by_its_own_first_line() -> None:
    _, run = read(b"#!/usr/bin/env perl\n").steps
    assert isinstance(run, RunCommand)
    assert run.command == "'/etc/k0smotron/scripts/part-001'"
