"""What the API answers, as Capra's errors."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping

from capra.errors import CapraError, Fatal, Retry, told

LONGEST_RETRY = 60.0
"""Seconds for which an API server is left alone at most, whatever it asks for."""

_USER_INFO = re.compile(r"//[^/\s]*@")
"""User and password of a proxy, which aiohttp shows with its URL."""


class ConflictError(Retry):
    """409: another writer was faster, or the object is there already."""


class MissingError(Fatal):
    """404: there is no such object, or no such resource."""


class DeniedError(Retry):
    """401 or 403: the controller's own rights are not enough. Somebody may mend them while it runs."""


class InvalidError(Fatal):
    """400 or 422: the API server refuses what Capra wrote."""


class TooLongError(Fatal):
    """An answer, or a list, has more bytes than are read. Asking again at once would not help."""


class UnavailableError(Retry):
    """The API server is not there, is overloaded or has failed. retry_after: what it asked for, in seconds."""

    def __init__(self, message: str, retry_after: float = 0.0) -> None:
        super().__init__(message, after=max(5.0, retry_after))
        self.retry_after = retry_after


def from_answer(status: int, headers: Mapping[str, str], body: bytes, what: str) -> CapraError:
    """The error for an answer without a 2xx status. what: the request, for the message."""
    message = f"{what}: {status} {_message(body)}".strip()
    if status == 409:
        return ConflictError(message, after=1.0)
    if status in {404, 410}:
        return MissingError(message, reason="NotFound")
    if status in {401, 403}:
        return DeniedError(message, after=30.0)
    if status == 429 or status >= 500:
        given = headers.get("Retry-After", "")
        return UnavailableError(
            message, min(float(given), LONGEST_RETRY) if given.isascii() and given.isdigit() else 0.0
        )
    return InvalidError(message, reason="Invalid")


def without_password(error: BaseException) -> str:
    """What an error of the connection says, without a password."""
    return _USER_INFO.sub("//", told(error))


def _message(body: bytes) -> str:
    try:
        return str(json.loads(body)["message"])
    except (ValueError, KeyError, TypeError):
        return body[:200].decode("utf-8", "replace")
