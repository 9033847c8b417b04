"""Requests to the Kubernetes API: plain objects in, plain objects out, Capra's errors.

Every write names the resourceVersion that it is based on where it matters, so that a write whose answer was lost can
be repeated even if it took effect: the second then ends as a conflict.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import suppress
from typing import Any

import aiohttp
from kubernetes.aio.client import ApiClient
from tenacity import AsyncRetrying, RetryCallState, retry_if_exception_type, stop_after_delay, wait_exponential_jitter

from capra.kube.client.bounded import read_bounded_answer
from capra.kube.client.errors import MissingError, TooLongError, UnavailableError, from_answer, without_password
from capra.kube.client.resources import Raw, Resource
from capra.model.retry import REQUEST

LIMIT = aiohttp.ClientTimeout(total=30)
RETRY_SECONDS = 20.0
"""Seconds for which a request is repeated while the API server is not available."""

PAGE = 250
"""Objects of a list that are asked for at once."""

LONGEST_ANSWER = 2**26
LONGEST_LIST = 2**30
"""Bytes of one answer, and of all pages of a list, from the API server of the cluster that Capra is part of."""

LONGEST_TOKEN = 2**13
"""Characters that tell an API server how far a list has been read: more fit into no URL."""

LONGEST_REFUSAL = 2**16
"""Bytes that are read of an answer that reports an error."""

MERGE_PATCH = "application/merge-patch+json"
METADATA_ONLY = "application/json;as={kind};g=meta.k8s.io;v=v1"

RequestListener = Callable[[str, int], None]
"""Told the verb and the status of every answer."""


class Api:
    """The API of one cluster. field_manager: the name that its writes go by. retry_seconds: as RETRY_SECONDS; with 0
    nothing is repeated. limit: for each request. longest_answer, longest_list: bytes; longer ones are errors, because
    an API server whose kubeconfig somebody else has written may answer anything. page: objects of a list at once.
    most_values: of one answer; 0 for any number."""

    def __init__(
        self,
        client: ApiClient,
        *,
        field_manager: str = "capra",
        listener: RequestListener = lambda verb, code: None,
        retry_seconds: float = RETRY_SECONDS,
        limit: aiohttp.ClientTimeout = LIMIT,
        longest_answer: int = LONGEST_ANSWER,
        longest_list: int = LONGEST_LIST,
        page: int = PAGE,
        most_values: int = 0,
    ) -> None:
        self._client = client
        self._field_manager = field_manager
        self._listener = listener
        self._retry_seconds = retry_seconds
        self._limit = limit
        self._longest_answer = longest_answer
        self._longest_list = longest_list
        self._page = page
        self._most_values = most_values

    async def get(self, resource: Resource, namespace: str, name: str) -> Raw:
        """One object. Raises MissingError when there is none."""
        return await self._request("GET", resource.path(namespace, name))

    async def list(
        self, resource: Resource, namespace: str = "", *, metadata_only: bool = False, labels: str = ""
    ) -> Raw:
        """The list of all objects, in one namespace or in all. labels: a label selector; empty for all."""
        items: list[Any] = []
        last: Raw = {}
        async for page in self.pages(resource, namespace, metadata_only=metadata_only, labels=labels):
            items += page.get("items") or ()
            last = page
        return {**last, "items": items}

    async def pages(
        self, resource: Resource, namespace: str = "", *, metadata_only: bool = False, labels: str = ""
    ) -> AsyncIterator[Raw]:
        """The same in pieces, of which all but the last have `metadata.continue`. `items` may be null."""
        accept = METADATA_ONLY.format(kind="PartialObjectMetadataList") if metadata_only else ""
        path, token, size = resource.path(namespace), "", 0
        while True:
            query = {"limit": str(self._page)} | ({"continue": token} if token else {})
            query |= {"labelSelector": labels} if labels else {}
            try:
                page, length = await self._sized("GET", path, accept=accept, query=query)
            except MissingError as error:
                if token:  # the API server has forgotten the list that it began
                    raise UnavailableError(str(error)) from None
                raise
            size += length
            if size > self._longest_list:
                raise TooLongError(f"GET {path}: the list is longer than {self._longest_list} bytes: no more is read")
            if not isinstance(page.get("items") or [], list):
                raise UnavailableError(f"GET {path}: the answer is no list")
            token = str((page.get("metadata") or {}).get("continue") or "")
            yield page
            del page  # not kept while the next one is read
            if not token:
                return
            if len(token) > LONGEST_TOKEN:
                raise UnavailableError(f"GET {path}: the list goes on from a place of {len(token)} characters")

    async def preferred_version(self, group: str) -> str:
        """The version of an API group that the API server prefers. Raises MissingError when it has no such group."""
        answer = await self._request("GET", f"/apis/{group}")
        return str(answer["preferredVersion"]["version"])

    async def served_versions(self, group: str) -> tuple[str, ...]:
        """All versions of an API group. Raises MissingError when it has no such group."""
        answer = await self._request("GET", f"/apis/{group}")
        return tuple(str(one["version"]) for one in answer.get("versions") or ())

    async def version(self) -> tuple[Raw, str]:
        """What the API server says of itself, and the time when it did so (the header `Date`)."""
        response = await self._send("GET", "/version", None, "application/json", "", {})
        try:
            content = await read_bounded_answer(response, self._longest_answer, "GET /version")
            return self._read(content, "GET /version"), response.headers.get("Date", "")
        except (aiohttp.ClientError, TimeoutError, ValueError, RecursionError) as error:
            raise UnavailableError(f"GET /version: {without_password(error)}") from None

    async def create(self, resource: Resource, namespace: str, body: Raw) -> Raw:
        """A new object."""
        return await self._request("POST", resource.path(namespace), body=body)

    async def delete(self, resource: Resource, namespace: str, name: str) -> None:
        """The object goes, and the garbage collector takes what it owns. One that is not there has gone already."""
        query = {"propagationPolicy": "Background"}
        with suppress(MissingError):
            await self._request("DELETE", resource.path(namespace, name), query=query)

    async def patch(self, resource: Resource, namespace: str, name: str, body: Raw, subresource: str = "") -> Raw:
        """A JSON merge patch. With `metadata.resourceVersion` in it, ConflictError when the object has another."""
        path = resource.path(namespace, name, subresource)
        return await self._request("PATCH", path, body=body, content_type=MERGE_PATCH)

    async def patch_metadata(self, resource: Resource, namespace: str, name: str, metadata: Raw) -> Raw:
        """The same for metadata alone; the answer has nothing else of the object."""
        accept = METADATA_ONLY.format(kind="PartialObjectMetadata")
        path, body = resource.path(namespace, name), {"metadata": metadata}
        return await self._request("PATCH", path, body=body, content_type=MERGE_PATCH, accept=accept)

    async def _request(self, method: str, path: str, **more: Any) -> Raw:
        answer, _ = await self._sized(method, path, **more)
        return answer

    async def _sized(
        self,
        method: str,
        path: str,
        *,
        body: Raw | None = None,
        content_type: str = "application/json",
        accept: str = "",
        query: Mapping[str, str] | None = None,
    ) -> tuple[Raw, int]:
        """The answer, and how many bytes it had."""
        query = {"fieldManager": self._field_manager} if body is not None else query or {}
        what = f"{method} {path}"
        async for attempt in AsyncRetrying(
            retry=retry_if_exception_type(UnavailableError),
            stop=stop_after_delay(self._retry_seconds),
            wait=_wait,
            reraise=True,
        ):
            with attempt:
                response = await self._send(method, path, body, content_type, accept, query)
                try:
                    content = await read_bounded_answer(response, self._longest_answer, what)
                    return self._read(content, what), len(content)
                except (aiohttp.ClientError, TimeoutError, ValueError, RecursionError) as error:
                    raise UnavailableError(f"{what}: {without_password(error)}") from None
        raise AssertionError("unreachable")  # AsyncRetrying ends by returning or raising

    def _read(self, content: bytes, what: str) -> Raw:
        """The object that was answered. Raises TooLongError, and ValueError where it is none."""
        if self._most_values and content.count(b",") > self._most_values:
            raise TooLongError(f"{what}: the answer has more than {self._most_values} values")
        answer = json.loads(content)
        if not isinstance(answer, dict) or not isinstance(answer.get("metadata") or {}, dict):
            raise ValueError("the answer is no object")  # noqa: TRY004  # of the answer, not of a caller
        return answer

    async def _send(
        self,
        method: str,
        path: str,
        body: Raw | None,
        content_type: str,
        accept: str,
        query: Mapping[str, str],
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
            answer = await self._client.call_api(*request, _request_timeout=self._limit)
            self._listener(method, answer.status)
            if 200 <= answer.status <= 299:
                response: aiohttp.ClientResponse = answer.response
                return response
            content: bytes = await answer.response.content.read(LONGEST_REFUSAL)
            answer.response.close()
        # ValueError: what aiohttp and ssl make of a kubeconfig that names no place, or of an answer that is none.
        except (aiohttp.ClientError, TimeoutError, asyncio.IncompleteReadError, OSError, ValueError) as error:
            self._listener(method, 0)
            raise UnavailableError(f"{what}: {without_password(error)}") from None
        raise from_answer(answer.status, answer.headers, content, what)


_backing_off = wait_exponential_jitter(multiplier=REQUEST.first, max=REQUEST.longest)


def _wait(state: RetryCallState) -> float:
    """Longer each time, and at least what the API server asked for."""
    error = state.outcome.exception() if state.outcome else None
    asked = error.retry_after if isinstance(error, UnavailableError) else 0.0
    return max(asked, _backing_off(state))
