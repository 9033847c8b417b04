"""The saved documents of bootstrap providers: each is planned, or refused at the place that is known.

Beside `<name>.yaml` stands `<name>.steps` with the titles of its steps, or `<name>.refused` with the field of the error
in its first line and a part of the message in its second. What stands in further lines are constructs that a user may
ignore: then `<name>.steps` are those of the rest.
"""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from capra.bootstrap import read
from capra.errors import InputError
from tests.support.documents import DIRECTORY, INSTANCE, Document, load_all

DOCUMENTS = {document.name: document for document in load_all()}


def named(suffix: str) -> list[str]:
    return sorted(path.stem for path in DIRECTORY.glob(f"*{suffix}"))


def titles(document: Document, ignored: Sequence[str] = ()) -> str:
    found = read(document.value.encode(), format=document.format, instance=INSTANCE, ignored=ignored)
    return "".join(f"{step.title}\n" for step in found.steps)


def refused(name: str) -> tuple[str, str, list[str]]:
    """The field, a part of the message, and what may be ignored for the rest to be planned."""
    field, part, *ignored = (DIRECTORY / f"{name}.refused").read_text().splitlines()
    return field, part, ignored


@pytest.mark.parametrize("name", named(".steps"))
def test_it_is_planned(name: str) -> None:
    ignored = refused(name)[2] if name in named(".refused") else []
    assert titles(DOCUMENTS[name], ignored) == (DIRECTORY / f"{name}.steps").read_text()


@pytest.mark.parametrize("name", named(".refused"))
def test_it_is_refused(name: str) -> None:
    document = DOCUMENTS[name]
    field, part, _ = refused(name)
    with pytest.raises(InputError) as raised:
        read(document.value.encode(), format=document.format, subject="Secret x", instance=INSTANCE)
    assert (raised.value.subject, raised.value.field) == ("Secret x", field)
    assert part in raised.value.problem


def test_something_is_expected_of_each() -> None:
    both = [name for name in named(".refused") if refused(name)[2]]
    assert sorted(named(".steps") + [name for name in named(".refused") if name not in both]) == sorted(DOCUMENTS)
