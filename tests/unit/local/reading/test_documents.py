"""Text to documents: what Kubernetes reads, and nothing that hurts."""

from __future__ import annotations

import time

import pytest

from capra.errors import InputError
from capra.local.reading import documents


def _contents(text: str) -> list[object]:
    return [document.content for document in documents.read_documents(text, "f")]


@pytest.mark.parametrize(
    ("text", "contents"),
    [
        pytest.param("a: 1\n---\n---\n# nothing\n---\nb: 2\n", [{"a": 1}, {"b": 2}], id="empty-documents"),
        pytest.param('{"a": 1}\n{"b":\t2}', [{"a": 1}, {"b": 2}], id="json-after-json"),
        pytest.param("{a: 1}\n---\n{b: 2}", [{"a": 1}, {"b": 2}], id="flow-yaml"),
        pytest.param("a: 22:22\nb: 2001-01-01\nc: 1_000", [{"a": "22:22", "b": "2001-01-01", "c": "1_000"}], id="text"),
        pytest.param("a: 0x10\nb: -3\nc: 1.5\nd: 1e3", [{"a": 16, "b": -3, "c": 1.5, "d": 1000.0}], id="numbers"),
        pytest.param("a: &x {b: 1}\nc: *x", [{"a": {"b": 1}, "c": {"b": 1}}], id="alias"),
        pytest.param(
            "kind: List\nitems: [{a: 1}, null, {kind: BList, items: [{b: 2}]}]", [{"a": 1}, {"b": 2}], id="list"
        ),
        pytest.param("kind: List\nitems: 3", [{"kind": "List", "items": 3}], id="list-without-items"),
    ],
)
def test_read(text: str, contents: list[object]) -> None:
    assert _contents(text) == contents


def test_documents_are_numbered_with_the_empty_ones() -> None:
    [document] = documents.read_documents("---\n---\na: 1\n", "f")

    assert document.subject == "f: document 2"


LAUGHS = "a0: &a0 [1]\n" + "".join(f"a{n}: &a{n} [{','.join([f'*a{n - 1}'] * 9)}]\n" for n in range(1, 9))


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        pytest.param("a: " + "[" * 2000, "nested deeper than", id="deep-yaml"),
        pytest.param("[" * 200_000, "nested deeper than", id="deep-json"),
        pytest.param(LAUGHS, "too large: at most", id="billion-laughs"),
        pytest.param("a: &a [*a]", "an alias that is not defined before it", id="an-alias-in-itself"),
        pytest.param("? [a]\n: 1", "a key must be plain text", id="key"),
        pytest.param("a: b: c", "not valid YAML: line 1, column 5", id="place"),
        pytest.param("a: \x00", "not valid YAML", id="control-character"),
        pytest.param("a: !!int hush", "not valid YAML: a value cannot be read", id="number"),
    ],
)
def test_refused(text: str, problem: str) -> None:
    start = time.process_time()
    with pytest.raises(InputError, match=f"^f: .*({problem})") as caught:
        documents.read_documents(text, "f")
    assert "hush" not in str(caught.value)
    assert time.process_time() - start < 5


def test_what_is_too_long(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(documents, "MAX_CHARACTERS", 10)
    with pytest.raises(InputError, match="at most 10 are read"):
        documents.read_documents("a: 1234567890", "f")
