"""What an API server answers is read within bounds, list by list and page by page."""

from __future__ import annotations

import asyncio
import contextlib
import json
import resource
import time
import weakref
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import aiohttp
import pytest
from aiohttp import web
from kubernetes.aio.client import ApiClient, Configuration

from capra.errors import CapraError
from capra.kube.client import workload
from capra.kube.client.api import Api
from capra.kube.client.errors import InvalidError, TooLongError, UnavailableError, from_answer
from capra.kube.client.kubeconfig import Workload
from capra.kube.client.resources import NODES

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


@contextlib.asynccontextmanager
async def serving(handler: Handler) -> AsyncIterator[str]:
    """The URL of a server that answers every request with this."""
    application = web.Application()
    application.router.add_route("*", "/{path:.*}", handler)
    runner = web.AppRunner(application)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    host, port = runner.addresses[0][:2]
    try:
        yield f"http://{host}:{port}"
    finally:
        await runner.cleanup()


@contextlib.asynccontextmanager
async def served(handler: Handler, **bounds: Any) -> AsyncIterator[Api]:
    """An API whose server answers every request with this."""
    async with serving(handler) as url, ApiClient(Configuration(host=url)) as client:
        yield Api(client, retry_seconds=0, **bounds)


async def _endless(request: web.Request) -> web.StreamResponse:
    response = web.StreamResponse()
    await response.prepare(request)
    with contextlib.suppress(ConnectionError):
        for _ in range(16_000):  # 1 GB
            await response.write(b"[" * 65_536)
    return response


async def _many(request: web.Request) -> web.StreamResponse:
    return web.Response(body=b'{"items": [' + b"{}," * 2_000_000 + b"{}]}")


async def _silent(request: web.Request) -> web.StreamResponse:
    await asyncio.sleep(3)
    return web.Response()


@pytest.mark.parametrize(
    ("handler", "error", "problem"),
    [
        (_endless, TooLongError, f"the answer is longer than {workload.LONGEST_ANSWER} bytes"),
        (_many, TooLongError, f"more than {workload.MOST_VALUES} values"),
        (_silent, UnavailableError, "GET /api/v1/nodes"),
    ],
)
async def test_a_workload_cluster_has_these_bounds(
    handler: Handler, error: type[CapraError], problem: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever writes the kubeconfig decides who answers."""
    if handler is _silent:
        monkeypatch.setattr(workload, "LIMIT", aiohttp.ClientTimeout(total=0.5))
    async with serving(handler) as url, workload.connected(Workload(url), "Secret ns/c-kubeconfig") as api:
        with pytest.raises(error, match=problem):
            await api.list(NODES)


async def test_the_nodes_of_a_workload_cluster_have_a_bound(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(workload, "LONGEST_LIST", 300_000)
    seen: list[dict[str, str]] = []
    handler = _pages(10**9, seen, size=20_000)
    async with serving(handler) as url, workload.connected(Workload(url), "Secret ns/c-kubeconfig") as api:
        with pytest.raises(TooLongError, match="the list is longer than 300000 bytes"):
            await api.list(NODES)
    assert {page["limit"] for page in seen} == {str(workload.PAGE)}


async def test_an_answer_without_end() -> None:
    async with served(_endless, longest_answer=2**20) as api:
        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        with pytest.raises(TooLongError, match="the answer is longer than 1048576 bytes"):
            await api.list(NODES)
        with pytest.raises(TooLongError, match="the answer is longer than 1048576 bytes"):
            await api.get(NODES, "", "n")
        assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 50_000  # KiB


async def test_a_refusal_without_end() -> None:
    async def refuse(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse(status=400)
        await response.prepare(request)
        with contextlib.suppress(ConnectionError):
            for _ in range(16_000):
                await response.write(b"x" * 65_536)
        return response

    async with served(refuse) as api:
        with pytest.raises(InvalidError) as caught:
            await api.get(NODES, "", "n")
        assert len(str(caught.value)) < 500


async def test_nesting_without_end() -> None:
    async def nested(request: web.Request) -> web.StreamResponse:
        return web.Response(body=b"[" * 100_000)

    async with served(nested) as api:
        with pytest.raises(CapraError):
            await api.get(NODES, "", "n")


def _pages(count: int, seen: list[dict[str, str]], size: int = 10) -> Handler:
    async def answer(request: web.Request) -> web.StreamResponse:
        seen.append(dict(request.query))
        page = int(request.query.get("continue", "0"))
        following = {"continue": str(page + 1)} if page + 1 < count else {}
        items = [{"metadata": {"name": f"n{page}-{number}", "pad": "x" * size}} for number in range(2)]
        return web.Response(text=json.dumps({"metadata": {"resourceVersion": "7", **following}, "items": items}))

    return answer


async def test_a_list_is_read_page_by_page() -> None:
    seen: list[dict[str, str]] = []
    async with served(_pages(3, seen), page=2) as api:
        whole = await api.list(NODES)
    assert [one["metadata"]["name"] for one in whole["items"]] == ["n0-0", "n0-1", "n1-0", "n1-1", "n2-0", "n2-1"]
    assert whole["metadata"]["resourceVersion"] == "7"
    assert seen == [{"limit": "2"}, {"limit": "2", "continue": "1"}, {"limit": "2", "continue": "2"}]


async def test_pages_without_end() -> None:
    async with served(_pages(10**9, [], size=20_000), longest_list=300_000) as api:
        with pytest.raises(TooLongError, match="the list is longer than 300000 bytes"):
            await api.list(NODES)


async def test_a_list_that_the_server_has_forgotten_is_asked_for_again() -> None:
    async def forget(request: web.Request) -> web.StreamResponse:
        if "continue" in request.query:
            return web.Response(status=410, text='{"message": "expired"}')
        return web.Response(text=json.dumps({"metadata": {"continue": "1"}, "items": []}))

    async with served(forget) as api:
        with pytest.raises(UnavailableError, match="expired"):
            await api.list(NODES)


@pytest.mark.parametrize(
    "answer", ["[]", '"x"', "7", "null", '{"items": [], "metadata": [1]}', '{"items": 7}', '{"items": {"a": 1}}']
)
async def test_an_answer_that_is_no_list(answer: str) -> None:
    async def say(request: web.Request) -> web.StreamResponse:
        return web.Response(text=answer)

    async with served(say) as api:
        with pytest.raises(UnavailableError):
            await api.list(NODES)


async def test_an_answer_of_very_many_values_is_not_read() -> None:
    """Two bytes of text are 64 of memory."""

    async with served(_many, most_values=500_000) as api:
        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        with pytest.raises(TooLongError, match="more than 500000 values"):
            await api.list(NODES)
        assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 80_000  # KiB


class Pages(Api):
    """An API whose lists have so many pages of one object. kept: how many of them were there at once, at most."""

    def __init__(self, count: int) -> None:
        super().__init__(None)  # type: ignore[arg-type]  # no request is made
        self.count, self.kept = count, 0
        self._answers: weakref.WeakSet[Answer] = weakref.WeakSet()

    async def _sized(self, *_: Any, **more: Any) -> tuple[Any, int]:
        self.kept = max(self.kept, len(self._answers))
        number = int(more["query"].get("continue", "0")) + 1
        answer = Answer(metadata={"continue": str(number) if number < self.count else ""}, items=[number])
        self._answers.add(answer)
        return answer, 10


class Answer(dict[str, Any]):
    """One that can be told whether it is still there."""

    __hash__ = object.__hash__  # type: ignore[assignment]  # of a dict there is none


async def test_a_page_is_not_kept_while_the_next_one_is_asked_for() -> None:
    api = Pages(5)
    seen = []
    async for page in api.pages(NODES):
        seen += page["items"]
        del page
    assert seen == [1, 2, 3, 4, 5]
    assert api.kept == 0


async def test_to_join_pages_costs_no_more_the_more_there_are() -> None:
    def cost(count: int) -> float:
        return min(_cpu_of_a_list(count) for _ in range(3))

    # Ten times as many; four times that for what a busy machine does to figures. All pairs would be a hundred times.
    assert await asyncio.to_thread(cost, 20_000) < 40 * await asyncio.to_thread(cost, 2_000)


def _cpu_of_a_list(count: int) -> float:
    started = time.thread_time()
    whole = asyncio.run(Pages(count).list(NODES))
    assert len(whole["items"]) == count
    return time.thread_time() - started


async def test_a_list_that_goes_on_from_a_place_without_end() -> None:
    async def say(request: web.Request) -> web.StreamResponse:
        return web.Response(text=json.dumps({"metadata": {"continue": "x" * 10_000}, "items": []}))

    async with served(say) as api:
        with pytest.raises(UnavailableError, match="from a place of 10000 characters"):
            await api.list(NODES)


@pytest.mark.parametrize(
    ("asked", "after"), [("7", 7.0), ("\u00b2", 5.0), ("soon", 5.0), ("", 5.0), ("9" * 400, 60.0), ("-1", 5.0)]
)
def test_how_long_an_api_server_is_left_alone(asked: str, after: float) -> None:
    error = from_answer(429, {"Retry-After": asked}, b"", "GET /x")
    assert isinstance(error, UnavailableError)
    assert error.after == after
