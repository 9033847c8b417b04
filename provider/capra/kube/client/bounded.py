"""What an API server answers, as far as it is read."""

from __future__ import annotations

import aiohttp

from capra.kube.client.errors import TooLongError


async def read_bounded_answer(response: aiohttp.ClientResponse, limit: int, what: str) -> bytes:
    """The body of the answer; what: the request, for the message. Raises TooLongError when it is longer than limit."""
    pieces: list[bytes] = []
    size = 0
    async for piece, _ in response.content.iter_chunks():
        size += len(piece)
        if size > limit:
            response.close()
            raise TooLongError(f"{what}: the answer is longer than {limit} bytes, and no more is read")
        pieces.append(piece)
    return b"".join(pieces)
