"""Asks the API server who somebody is, and what they may do."""

from __future__ import annotations

from enum import Enum

import aiohttp
from kubernetes.aio import client as kubernetes

from capra.errors import Retry, told

REVIEW_TIMEOUT = 5.0
"""Seconds for one question."""


class Verdict(Enum):
    """What somebody with a token may do."""

    ALLOWED = "allowed"
    FORBIDDEN = "forbidden"
    UNKNOWN = "unknown"
    """The API server does not know the token."""


async def review(client: kubernetes.ApiClient, token: str, path: str) -> Verdict:
    """Whether the bearer of the token may get the path, which is none of the API server's (`nonResourceURLs` in RBAC).

    Raises Retry when the API server does not say.
    """
    try:
        user = await _authenticate(client, token)
        if user is None:
            return Verdict.UNKNOWN
        return Verdict.ALLOWED if await _may_get(client, user, path) else Verdict.FORBIDDEN
    except kubernetes.ApiException as error:
        raise Retry(f"the API server refuses the review: {error.status} {error.reason}") from None
    except (aiohttp.ClientError, OSError, TimeoutError) as error:
        raise Retry(f"the API server cannot be asked: {told(error)}") from None


async def _authenticate(client: kubernetes.ApiClient, token: str) -> kubernetes.V1UserInfo | None:
    """TokenReview."""
    asked = kubernetes.V1TokenReview(spec=kubernetes.V1TokenReviewSpec(token=token))
    answer = await kubernetes.AuthenticationV1Api(client).create_token_review(asked, _request_timeout=REVIEW_TIMEOUT)
    if answer.status is None or not answer.status.authenticated:
        return None
    return answer.status.user


async def _may_get(client: kubernetes.ApiClient, user: kubernetes.V1UserInfo, path: str) -> bool:
    """SubjectAccessReview."""
    asked = kubernetes.V1SubjectAccessReview(
        spec=kubernetes.V1SubjectAccessReviewSpec(
            user=user.username,
            uid=user.uid,
            groups=user.groups,
            extra=user.extra,
            non_resource_attributes=kubernetes.V1NonResourceAttributes(path=path, verb="get"),
        )
    )
    answer = await kubernetes.AuthorizationV1Api(client).create_subject_access_review(
        asked, _request_timeout=REVIEW_TIMEOUT
    )
    return answer.status is not None and answer.status.allowed
