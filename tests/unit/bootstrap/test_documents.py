"""The saved documents of bootstrap providers: each is planned, or refused at the place that is known.

Beside `<name>.yaml` stands `<name>.steps` with the titles of its steps, where a line `...` is any number of steps; or
`<name>.refused` with the field of the error in its first line and a part of the message in its second.
"""

from __future__ import annotations

import re

import pytest

from capra.bootstrap import read
from capra.errors import InputError
from tests.support.documents import DIRECTORY, Document, load_all

DOCUMENTS = {document.name: document for document in load_all()}
IGNITION, TEMPLATES, MODULES = "Ignition", "Jinja templates", "users, ntp, disk_setup, fs_setup and mounts"
NOT_PLANNED_YET = {
    "k0smotron-worker-ignition": IGNITION,
    "k3s-agent-named": TEMPLATES,
    "kubeadm-control-plane-everything": MODULES,
    "kubeadm-control-plane-ignition": IGNITION,
    "kubeadm-init-everything": MODULES,
    "kubeadm-init-ignition": IGNITION,
    "kubeadm-worker-everything": MODULES,
    "kubeadm-worker-ignition": IGNITION,
    "kubeadm-worker-named": TEMPLATES,
    "rke2-agent-everything": MODULES,
    "rke2-agent-ignition": IGNITION,
    "rke2-server-init-ignition": IGNITION,
}
"""What is to be planned, and is refused today, with what it takes."""


def named(suffix: str) -> list[str]:
    return sorted(path.stem for path in DIRECTORY.glob(f"*{suffix}"))


def planned() -> list[object]:
    return [
        pytest.param(
            name,
            marks=[
                pytest.mark.xfail(reason=f"{NOT_PLANNED_YET[name]}: not supported yet", raises=InputError, strict=True)
            ]
            if name in NOT_PLANNED_YET
            else [],
        )
        for name in named(".steps")
    ]


def pattern(lines: list[str]) -> str:
    """A regular expression for titles, one a line."""
    return "".join(r"(.*\n)*?" if line == "..." else re.escape(line) + r"\n" for line in lines)


def titles(document: Document) -> str:
    return "".join(f"{step.title}\n" for step in read(document.value.encode(), format=document.format).steps)


@pytest.mark.parametrize("name", planned())
def test_it_is_planned(name: str) -> None:
    found = titles(DOCUMENTS[name])
    expected = (DIRECTORY / f"{name}.steps").read_text()
    if "..." in expected.splitlines():
        assert re.fullmatch(pattern(expected.splitlines()), found), found
    else:
        assert found == expected


@pytest.mark.parametrize("name", named(".refused"))
def test_it_is_refused(name: str) -> None:
    document = DOCUMENTS[name]
    field, part = (DIRECTORY / f"{name}.refused").read_text().splitlines()
    with pytest.raises(InputError) as raised:
        read(document.value.encode(), format=document.format, subject="Secret x")
    assert (raised.value.subject, raised.value.field) == ("Secret x", field)
    assert part in raised.value.problem


def test_something_is_expected_of_each() -> None:
    assert sorted(named(".steps") + named(".refused")) == sorted(DOCUMENTS)
    assert set(NOT_PLANNED_YET) <= set(named(".steps"))
