"""Values that do not fit their tags: one error, without the value."""

from __future__ import annotations

import pytest

from capra.errors import InputError
from capra.local.reading.documents import read_documents
from tests.support.bootstrap_data import parse

TAGS = ("int", "float", "bool", "timestamp", "binary", "null", "set", "omap", "pairs", "seq", "map", "str")
VALUES = ("", "hunter2", "-", "_", "+", "0x", "0b", "0o", ":", "1:", ".", "é", "[]", "{}", "2020-13-45", "0x_", "[[]]")


@pytest.mark.parametrize("tag", TAGS)
@pytest.mark.parametrize("value", VALUES)
def test_a_value_that_does_not_fit_its_tag_is_one_error(tag: str, value: str) -> None:
    for text, read in (
        (f"#cloud-config\nruncmd:\n- - echo\n  - !!{tag} {value}\n", lambda text: parse(text.encode())),
        (f"kind: X\nvalue: !!{tag} {value}\n", lambda text: read_documents(text, "a file")),
    ):
        told: list[str] = []
        try:
            read(text)
        except InputError as error:
            told = [str(error), str(error.__context__)]
        assert "hunter2" not in " ".join(told)
