"""Requests that fail without a word of their own still tell why."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Awaitable, Callable
from typing import Any

import aiohttp
import pytest

from capra.errors import told
from capra.kube.client.api import Api
from capra.kube.client.errors import UnavailableError
from capra.kube.client.resources import SECRETS


class Broken:
    """A client whose every request ends with an error."""

    def __init__(self, error: Exception) -> None:
        self._error = error

    async def param_serialize(self, *_: Any, **__: Any) -> tuple[()]:
        return ()

    async def call_api(self, *_: Any, **__: Any) -> Any:
        raise self._error


REQUESTS: dict[str, Callable[[Api], Awaitable[Any]]] = {
    "GET": lambda api: api.get(SECRETS, "a", "b"),
    "POST": lambda api: api.create(SECRETS, "a", {}),
    "PATCH": lambda api: api.patch(SECRETS, "a", "b", {}),
}


@pytest.mark.parametrize("request_of", REQUESTS)
@pytest.mark.parametrize(
    "error",
    [
        *(TimeoutError(), aiohttp.ServerDisconnectedError(), aiohttp.ClientError(), OSError(), ssl.SSLError()),
        ValueError("server_hostname cannot be an empty string or start with a leading dot."),
        UnicodeError("label empty or too long"),
    ],
)
def test_the_reason_is_never_empty(error: Exception, request_of: str) -> None:
    api = Api(Broken(error), retry_seconds=0)  # type: ignore[arg-type]  # stands for the real client
    with pytest.raises(UnavailableError, match=r"/api/v1/namespaces/a/secrets") as caught:
        asyncio.run(REQUESTS[request_of](api))  # type: ignore[arg-type]  # a coroutine
    assert str(caught.value).rpartition(": ")[2].strip() == told(error)
    assert told(error)


def test_a_password_in_a_url_is_not_told() -> None:
    error = aiohttp.InvalidURL("http://user:s3cret@192.0.2.1:x", "of a proxy")
    api = Api(Broken(error), retry_seconds=0)  # type: ignore[arg-type]  # stands for the real client
    for request in REQUESTS.values():
        with pytest.raises(UnavailableError, match=r"//192\.0\.2\.1:x") as caught:
            asyncio.run(request(api))  # type: ignore[arg-type]  # a coroutine
        assert "s3cret" not in str(caught.value)
