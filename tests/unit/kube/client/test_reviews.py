"""Who may read a path: what the API server says of a token."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from kubernetes.aio import client as kubernetes

from capra.errors import Retry
from capra.kube.client import reviews
from capra.kube.client.reviews import Verdict, review

KNOWN: Any = kubernetes.V1TokenReviewStatus(
    authenticated=True, user=kubernetes.V1UserInfo(username="prometheus", uid="1", groups=["g"], extra={"k": ["v"]})
)


def asked(monkeypatch: pytest.MonkeyPatch, status: Any, allowed: Any) -> list[Any]:
    """An API server that answers so; what it was asked."""
    questions: list[Any] = []

    async def token(self: Any, body: Any, **options: Any) -> Any:
        questions.append((body, options))
        if isinstance(status, Exception):
            raise status
        return kubernetes.V1TokenReview(spec=body.spec, status=status)

    async def access(self: Any, body: Any, **options: Any) -> Any:
        questions.append((body, options))
        answer = None if allowed is None else kubernetes.V1SubjectAccessReviewStatus(allowed=allowed)
        return kubernetes.V1SubjectAccessReview(spec=body.spec, status=answer)

    monkeypatch.setattr(kubernetes.AuthenticationV1Api, "create_token_review", token)
    monkeypatch.setattr(kubernetes.AuthorizationV1Api, "create_subject_access_review", access)
    return questions


def verdict() -> Verdict:
    client: Any = None  # both calls that use it are replaced
    return asyncio.run(review(client, "token", "/metrics"))


@pytest.mark.parametrize(
    ("status", "allowed", "expected"),
    [
        (KNOWN, True, Verdict.ALLOWED),
        (KNOWN, False, Verdict.FORBIDDEN),
        (KNOWN, None, Verdict.FORBIDDEN),
        (kubernetes.V1TokenReviewStatus(authenticated=False), True, Verdict.UNKNOWN),
        (None, True, Verdict.UNKNOWN),
    ],
)
def test_verdicts(monkeypatch: pytest.MonkeyPatch, status: Any, allowed: Any, expected: Verdict) -> None:
    asked(monkeypatch, status, allowed)
    assert verdict() is expected


def test_whoever_the_token_is_of_is_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    questions = asked(monkeypatch, KNOWN, True)
    verdict()
    (who, _), (may, _) = questions
    assert who.spec.token == "token"
    assert (may.spec.user, may.spec.uid, may.spec.groups, may.spec.extra) == ("prometheus", "1", ["g"], {"k": ["v"]})
    assert (may.spec.non_resource_attributes.path, may.spec.non_resource_attributes.verb) == ("/metrics", "get")
    assert {options["_request_timeout"] for _, options in questions} == {reviews.REVIEW_TIMEOUT}


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (kubernetes.ApiException(status=403, reason="Forbidden"), "refuses the review: 403 Forbidden"),
        (TimeoutError("too late"), "cannot be asked"),
        (ConnectionRefusedError("refused"), "cannot be asked"),
    ],
)
def test_no_answer_is_no_verdict(monkeypatch: pytest.MonkeyPatch, error: Exception, said: str) -> None:
    asked(monkeypatch, error, True)
    with pytest.raises(Retry, match=said):
        verdict()
