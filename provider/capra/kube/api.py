"""Requests to the Kubernetes API: plain objects in, plain objects out, Capra's errors.

Every write names the resourceVersion that it is based on where it matters, so that one that was carried out although
its answer was lost can be repeated: the second then ends as a conflict.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable, Mapping
from typing import Any

import aiohttp
from kubernetes.aio.client import ApiClient
from tenacity import AsyncRetrying, RetryCallState, retry_if_exception_type, stop_after_delay, wait_exponential_jitter

from capra.errors import told
from capra.kube.errors import UnavailableError, from_answer
from capra.kube.resources import Raw, Resource

LIMIT = aiohttp.ClientTimeout(total=30)
RETRY_SECONDS = 20.0
"""Seconds for which a request is repeated while the API server is not available."""

WATCH_SECONDS = 300
"""Seconds after which the API server ends a watch, so that a silent loss of the connection is noticed."""

LONGEST_LINE = 2**24
MERGE_PATCH = "application/merge-patch+json"
METADATA_ONLY = "application/json;as={kind};g=meta.k8s.io;v=v1"

RequestListener = Callable[[str, int], None]
"""Told the verb and the status of every answer."""


class Api:
    """The API of one cluster. field_manager: the name that its writes go by. retry_seconds: as RETRY_SECONDS; with 0
    nothing is repeated. limit: for each request."""

    def __init__(
        self,
        client: ApiClient,
        *,
        field_manager: str = "capra",
        listener: RequestListener = lambda verb, code: None,
        retry_seconds: float = RETRY_SECONDS,
        limit: aiohttp.ClientTimeout = LIMIT,
    ) -> None:
        self._client = client
        self._field_manager = field_manager
        self._listener = listener
        self._retry_seconds = retry_seconds
        self._limit = limit

    async def get(self, resource: Resource, namespace: str, name: str) -> Raw:
        """One object. Raises MissingError when there is none."""
        return await self._request("GET", resource.path(namespace, name))

    async def list(self, resource: Resource, namespace: str = "", *, metadata_only: bool = False) -> Raw:
        """The list of all objects, in one namespace or in all."""
        accept = METADATA_ONLY.format(kind="PartialObjectMetadataList") if metadata_only else ""
        return await self._request("GET", resource.path(namespace), accept=accept)

    async def preferred_version(self, group: str) -> str:
        """The version of an API group that the API server prefers. Raises MissingError when it has no such group."""
        answer = await self._request("GET", f"/apis/{group}")
        return str(answer["preferredVersion"]["version"])

    async def create(self, resource: Resource, namespace: str, body: Raw) -> Raw:
        """A new object."""
        return await self._request("POST", resource.path(namespace), body=body)

    async def patch(self, resource: Resource, namespace: str, name: str, body: Raw, subresource: str = "") -> Raw:
        """A JSON merge patch. With `metadata.resourceVersion` in it, ConflictError when the object has another."""
        path = resource.path(namespace, name, subresource)
        return await self._request("PATCH", path, body=body, content_type=MERGE_PATCH)

    async def watch(
        self, resource: Resource, namespace: str, resource_version: str, *, metadata_only: bool = False
    ) -> AsyncIterator[tuple[str, Raw]]:
        """Changes since the version: (ADDED | MODIFIED | DELETED | BOOKMARK | ERROR, object), until the watch ends."""
        accept = METADATA_ONLY.format(kind="PartialObjectMetadata") if metadata_only else ""
        query = {
            "watch": "true",
            "allowWatchBookmarks": "true",
            "resourceVersion": resource_version,
            "timeoutSeconds": str(WATCH_SECONDS),
        }
        path = resource.path(namespace)
        limit = aiohttp.ClientTimeout(total=None, connect=10, sock_read=WATCH_SECONDS + 30)
        response = await self._send("GET", path, None, "application/json", accept, query, limit)
        try:
            buffer = b""
            async for piece, _ in response.content.iter_chunks():
                *lines, buffer = (buffer + piece).split(b"\n")
                for line in filter(None, lines):
                    event = json.loads(line)
                    yield str(event["type"]), event["object"]
        except (aiohttp.ClientError, TimeoutError, ValueError) as error:
            raise UnavailableError(f"watch {path}: {told(error)}") from None
        finally:
            response.close()

    async def _request(
        self,
        method: str,
        path: str,
        *,
        body: Raw | None = None,
        content_type: str = "application/json",
        accept: str = "",
    ) -> Raw:
        query = {"fieldManager": self._field_manager} if body is not None else {}
        async for attempt in AsyncRetrying(
            retry=retry_if_exception_type(UnavailableError),
            stop=stop_after_delay(self._retry_seconds),
            wait=_wait,
            reraise=True,
        ):
            with attempt:
                response = await self._send(method, path, body, content_type, accept, query, self._limit)
                try:
                    answer: dict[str, Any] = await response.json()
                except (aiohttp.ClientError, TimeoutError, ValueError) as error:
                    raise UnavailableError(f"{method} {path}: {told(error)}") from None
                return answer
        raise AssertionError("unreachable")  # AsyncRetrying ends by returning or raising

    async def _send(
        self,
        method: str,
        path: str,
        body: Raw | None,
        content_type: str,
        accept: str,
        query: Mapping[str, str],
        limit: aiohttp.ClientTimeout,
    ) -> aiohttp.ClientResponse:
        """The answer, with a status of 2xx and its body not yet read."""
        headers = {"Accept": accept or "application/json", "Content-Type": content_type}
        what = f"{method} {path}"
        try:
            request = await self._client.param_serialize(
                method,
                path,
                query_params=list(query.items()),
                header_params=headers,
                body=body,
                auth_settings=["BearerToken"],
            )
            answer = await self._client.call_api(*request, _request_timeout=limit)
            self._listener(method, answer.status)
            if 200 <= answer.status <= 299:
                response: aiohttp.ClientResponse = answer.response
                return response
            content: bytes = await answer.response.read()
        except (aiohttp.ClientError, TimeoutError, asyncio.IncompleteReadError, OSError) as error:
            self._listener(method, 0)
            raise UnavailableError(f"{what}: {told(error)}") from None
        raise from_answer(answer.status, answer.headers, content, what)


_backing_off = wait_exponential_jitter(multiplier=0.2, max=5.0)


def _wait(state: RetryCallState) -> float:
    """Longer each time, and at least what the API server asked for."""
    error = state.outcome.exception() if state.outcome else None
    asked = error.retry_after if isinstance(error, UnavailableError) else 0.0
    return max(asked, _backing_off(state))
