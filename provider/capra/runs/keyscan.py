"""The host keys that a host shows to anybody who asks, with OpenSSH's own ssh-keyscan."""

from __future__ import annotations

import asyncio

from capra.errors import Retry
from capra.model.host_port import join_host_port

TIMEOUT = 10


async def scan(address: str, port: int = 22) -> list[str]:
    """The keys of a host, each `TYPE BASE64`. Nothing says that they are genuine: compare a fingerprint.

    Raises Retry when the host shows none.
    """
    process = await asyncio.create_subprocess_exec(
        "ssh-keyscan",
        "-T",
        str(TIMEOUT),
        "-p",
        str(port),
        "--",
        address,
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.DEVNULL,
    )
    output, _ = await process.communicate()
    lines = [line.split() for line in output.decode("utf-8", "replace").splitlines()]
    keys = sorted({" ".join(words[1:3]) for words in lines if len(words) >= 3 and not words[0].startswith("#")})
    if not keys:
        place = join_host_port(address, port)
        raise Retry(f"{place} shows no host key: it cannot be reached, or no SSH server answers there")
    return keys
