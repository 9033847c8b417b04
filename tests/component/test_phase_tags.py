"""Tags around a cleanup role, as ansible-playbook takes them: no host is contacted where they may mean two things."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.e2e.support import run_ansible

ROOT = Path(__file__).resolve().parents[2]
INVENTORY = "host ansible_host=127.0.0.1 ansible_port=1\n"
"""Nobody listens there: ansible-playbook ends with status 4 where it tries."""

UNREACHABLE = 4
FAILED = 2
AROUND = {
    "role": "- hosts: all\n  gather_facts: false\n  roles:\n    - {role: capra.machine.k3s_cleanup, tags: [TAGS]}\n",
    "play": "- hosts: all\n  gather_facts: false\n  tags: [TAGS]\n  roles: [capra.machine.k3s_cleanup]\n",
    "templated": (
        "- hosts: all\n  gather_facts: false\n  vars: {one: [TAGS]}\n"
        "  roles:\n    - {role: capra.machine.k3s_cleanup, tags: '{{ one }}'}\n"
    ),
    "import": (
        "- hosts: all\n  gather_facts: false\n  tasks:\n"
        "    - {import_role: {name: capra.machine.k3s_cleanup}, tags: [TAGS]}\n"
    ),
    "block": (
        "- hosts: all\n  gather_facts: false\n  tasks:\n    - tags: [TAGS]\n      block:\n"
        "        - import_role: {name: capra.machine.k3s_cleanup}\n"
    ),
    "include": (
        "- hosts: all\n  gather_facts: false\n  tasks:\n    - tags: [TAGS]\n"
        "      include_role: {name: capra.machine.k3s_cleanup, apply: {tags: [TAGS]}}\n"
    ),
}


def _played(directory: Path, around: str, tags: str, *selected: str, code: int) -> str:
    (directory / "inventory.ini").write_text(INVENTORY)
    playbook = directory / "site.yml"
    playbook.write_text(AROUND[around].replace("TAGS", tags))
    return run_ansible(["-i", directory / "inventory.ini", playbook, *selected], ROOT, code=code).stdout


@pytest.mark.parametrize("around", sorted(AROUND))
@pytest.mark.parametrize("selected", [("--tags", "verify"), ()], ids=["verify", "all"])
def test_a_phases_name_is_no_tag_of_what_stands_around_it(
    tmp_path: Path, around: str, selected: tuple[str, ...]
) -> None:
    said = _played(tmp_path, around, "site, verify", *selected, code=FAILED)
    assert "has the tag verify, which is also the name of a phase: `--tags verify` could mean that phase or all" in said
    assert "that is none of forget, remove, uninstall, verify" in said


@pytest.mark.parametrize("around", sorted(AROUND))
@pytest.mark.parametrize("selected", ["site", "site,verify"])
def test_any_other_tag_selects_all_phases(tmp_path: Path, around: str, selected: str) -> None:
    said = _played(tmp_path, around, "site", "--tags", selected, code=UNREACHABLE)
    assert "unreachable=1" in said
