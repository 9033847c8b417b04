"""Who may read the metrics, and how often the API server is asked."""

from __future__ import annotations

import asyncio

import pytest

from capra.controller.serving.access import CACHE_ENTRIES, CACHE_SECONDS, Access
from capra.errors import Retry
from capra.kube.client.reviews import Verdict
from capra.testing import FakeClock


class Reviewer:
    """Answers by token."""

    def __init__(self, **verdicts: Verdict | Exception) -> None:
        self.verdicts = verdicts
        self.asked: list[tuple[str, str]] = []
        self.at_once = 0
        self.most_at_once = 0

    async def __call__(self, token: str, path: str) -> Verdict:
        self.asked.append((token, path))
        self.at_once += 1
        self.most_at_once = max(self.most_at_once, self.at_once)
        await asyncio.sleep(0)
        self.at_once -= 1
        verdict = self.verdicts.get(token, Verdict.UNKNOWN)
        if isinstance(verdict, Exception):
            raise verdict
        return verdict


REVIEWER: dict[str, Verdict | Exception] = {
    "good": Verdict.ALLOWED,
    "poor": Verdict.FORBIDDEN,
    "none": Retry("the API server cannot be asked"),
}


@pytest.mark.parametrize(
    ("header", "status"),
    [
        ("Bearer good", 0),
        ("bearer good", 0),
        ("Bearer  good ", 0),
        ("Bearer poor", 403),
        ("Bearer bad", 401),
        ("Bearer none", 503),
    ],
)
async def test_the_api_server_decides(header: str, status: int) -> None:
    reviewer = Reviewer(**REVIEWER)
    assert await Access(reviewer).refusal(header, "/metrics") == status
    assert reviewer.asked == [(header.split()[1], "/metrics")]


@pytest.mark.parametrize("header", ["", "Bearer", "Bearer ", "Basic good", "good", "Bearer gööd", "Bearer \udcff"])
async def test_without_a_token_nobody_is_asked(header: str) -> None:
    reviewer = Reviewer(**REVIEWER)
    assert await Access(reviewer).refusal(header, "/metrics") == 401
    assert not reviewer.asked


@pytest.mark.parametrize(("token", "status"), [("good", 0), ("poor", 403), ("bad", 401)])
async def test_an_answer_is_believed_for_a_short_time(token: str, status: int) -> None:
    reviewer, clock = Reviewer(**REVIEWER), FakeClock()
    access = Access(reviewer, clock)
    for _ in range(3):
        assert await access.refusal(f"Bearer {token}", "/metrics") == status
    clock.advance(CACHE_SECONDS - 0.1)
    assert await access.refusal(f"Bearer {token}", "/metrics") == status
    assert len(reviewer.asked) == 1
    reviewer.verdicts[token] = Verdict.FORBIDDEN
    clock.advance(0.2)
    assert await access.refusal(f"Bearer {token}", "/metrics") == 403


async def test_an_answer_is_for_one_path() -> None:
    reviewer = Reviewer(**REVIEWER)
    access = Access(reviewer)
    await access.refusal("Bearer good", "/metrics")
    await access.refusal("Bearer good", "/other")
    assert reviewer.asked == [("good", "/metrics"), ("good", "/other")]


async def test_that_there_was_no_answer_is_not_remembered() -> None:
    reviewer = Reviewer(**REVIEWER)
    access = Access(reviewer)
    assert await access.refusal("Bearer none", "/metrics") == 503
    reviewer.verdicts["none"] = Verdict.ALLOWED
    assert await access.refusal("Bearer none", "/metrics") == 0


async def test_a_flood_becomes_one_question_at_a_time() -> None:
    reviewer = Reviewer(**REVIEWER)
    access = Access(reviewer)
    same = [access.refusal("Bearer good", "/metrics") for _ in range(20)]
    others = [access.refusal(f"Bearer {number}", "/metrics") for number in range(20)]
    assert set(await asyncio.gather(*same, *others)) == {0, 401}
    assert reviewer.most_at_once == 1
    assert len(reviewer.asked) == 21


async def test_what_is_kept_is_bounded_and_holds_no_token() -> None:
    access = Access(Reviewer(**REVIEWER))
    for number in range(2 * CACHE_ENTRIES + 5):
        await access.refusal(f"Bearer token-{number}", "/metrics")
    assert len(access._known) <= CACHE_ENTRIES
    assert not any(b"token" in key for key in access._known)
