"""Errors say what is wrong, where, and whether it may go well later."""

from __future__ import annotations

import errno
from pathlib import Path

import pytest

from capra.errors import CapraError, Fatal, InputError, InputErrors, Retry, naming, renamed, told


@pytest.mark.parametrize(
    ("subject", "field", "said"),
    [
        ("Secret a", "data.value", "Secret a: data.value: is empty"),
        ("Secret a", "", "Secret a: is empty"),
        ("", "spec", "spec: is empty"),
        ("", "", "is empty"),
    ],
)
def test_bad_input_is_named_by_its_place(subject: str, field: str, said: str) -> None:
    error = InputError("is empty", subject=subject, field=field)
    assert str(error) == said
    assert (error.problem, error.subject, error.field, error.reason) == ("is empty", subject, field, "InvalidInput")


def test_several_mistakes_are_one_error_with_all_of_them() -> None:
    errors = [InputError("is empty", subject=name) for name in ("a", "b")]
    together = InputErrors(errors)
    assert str(together) == "a: is empty; b: is empty"
    assert together.errors == tuple(errors)


def test_what_may_go_well_later_says_when() -> None:
    assert (Retry("no answer").after, Retry("no answer", after=1.0).after) == (30.0, 1.0)
    assert not isinstance(Retry("no answer"), Fatal)
    assert issubclass(InputErrors, Fatal)
    assert issubclass(Retry, CapraError)


def test_an_error_without_words_is_told_by_its_class() -> None:
    assert told(TimeoutError()) == "TimeoutError"
    assert told(OSError(" why ")) == "why"


def test_an_error_of_the_system_names_the_file(tmp_path: Path) -> None:
    with pytest.raises(OSError, match="no space") as raised, naming(tmp_path / "a"):
        raise OSError(errno.ENOSPC, "no space")
    assert raised.value.filename == str(tmp_path / "a")
    with pytest.raises(OSError, match="no space") as raised, naming(tmp_path / "a"):
        raise OSError(errno.ENOSPC, "no space", "other")
    assert raised.value.filename == "other"
    with pytest.raises(TimeoutError) as late, naming(tmp_path / "a"):
        raise TimeoutError
    assert late.value.filename is None


def test_a_phrase_may_begin_with_a_comma_and_a_word_is_no_part_of_a_longer_one() -> None:
    names = {", or spec.b": "", "spec.a": "hosts[0].a"}
    assert renamed("give FILE, or spec.b", names) == "give FILE"
    assert renamed("spec.a, other.spec.a, spec.ab", names) == "hosts[0].a, other.spec.a, spec.ab"
