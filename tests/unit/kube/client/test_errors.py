"""Answers of an API server, as errors that say what to do."""

from __future__ import annotations

import pytest

from capra.errors import CapraError, Fatal, Retry
from capra.kube.client import errors
from capra.kube.client.errors import from_answer


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        *((400, errors.InvalidError), (401, errors.DeniedError), (403, errors.DeniedError), (404, errors.MissingError)),
        *((409, errors.ConflictError), (410, errors.MissingError), (422, errors.InvalidError)),
        *((429, errors.UnavailableError), (500, errors.UnavailableError), (503, errors.UnavailableError)),
    ],
)
def test_each_status_has_its_error(status: int, kind: type[CapraError]) -> None:
    error = from_answer(status, {}, b'{"message": "why"}', "get a")
    assert type(error) is kind
    assert str(error) == f"get a: {status} why"
    assert isinstance(error, Retry | Fatal)


@pytest.mark.parametrize(("given", "after"), [("7", 7.0), ("3600", 60.0), ("-1", 5.0), ("tomorrow", 5.0), ("٣", 5.0)])
def test_a_server_is_left_alone_as_long_as_it_asks_within_a_bound(given: str, after: float) -> None:
    error = from_answer(429, {"Retry-After": given}, b"", "get a")
    assert isinstance(error, errors.UnavailableError)
    assert error.after == after


def test_what_is_no_status_of_kubernetes_is_told_as_far_as_it_goes() -> None:
    assert str(from_answer(400, {}, b"<html>" + b"x" * 1000, "get a")).count("x") == 194


def test_a_proxy_is_named_without_its_password() -> None:
    error = OSError("no way through http://user:secret@proxy:3128")
    assert errors.without_password(error).endswith("http://proxy:3128")
