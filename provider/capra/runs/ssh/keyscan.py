"""The host keys that a host shows to anybody who asks, with OpenSSH's own programs."""

from __future__ import annotations

import asyncio
import re
from pathlib import Path

from capra.errors import Retry
from capra.model.host_port import join_host_port
from capra.model.run import Connection
from capra.runs.directory.private import private_directory, write_private
from capra.runs.ssh.config import NO_FILES, file_in, read_way

TIMEOUT = 10
"""Seconds for a connection."""

PATIENCE = 60.0
"""Seconds for all: a host is asked once for each type of key, and may say one byte at a time."""

LIMIT = 2**16
"""Bytes of what a host shows: a key of RSA with 16384 bits has 3 KiB."""

HOST_NAME = re.compile(r"^HostName (.*)$", re.MULTILINE)
PROXY = re.compile(r"^ProxyCommand (?!none$)", re.MULTILINE)


async def scan(address: str, port: int = 22, files: str = NO_FILES) -> list[str]:
    """The keys of a host, each `TYPE BASE64`. Nothing says that they are genuine: compare a fingerprint. files: the
    OpenSSH configuration that tells the way to it (see ssh_config).

    Raises Retry when the host shows none, or too much, or takes too long; InputError for a configuration that OpenSSH
    refuses.
    """
    way = await asyncio.to_thread(read_way, Connection(address, port), files)
    keys = await (_through_proxy(address, port, way) if PROXY.search(way) else _direct(address, port, way))
    if not keys:
        place = join_host_port(address, port)
        raise Retry(f"{place} shows no host key: it cannot be reached, or no SSH server answers there")
    return keys


async def _direct(address: str, port: int, way: str) -> list[str]:
    """ssh-keyscan shows keys of every type, and knows no configuration."""
    name = HOST_NAME.search(way)
    host = name[1].replace("%%", "%") if name else address
    return _keys(await _output("ssh-keyscan", "-T", str(TIMEOUT), "-p", str(port), "--", host))


async def _through_proxy(address: str, port: int, way: str) -> list[str]:
    """The key that ssh itself is shown, which then logs in as nobody."""
    with private_directory() as directory:
        known = directory / "known_hosts"
        write_private(file_in(directory), way.encode())
        await _output("ssh", *_options(directory, known), "-p", str(port), "--", address, "exit")
        return _keys(known.read_text()) if known.exists() else []


def _options(directory: Path, known: Path) -> list[str]:
    options = {
        "StrictHostKeyChecking": "accept-new",
        "UserKnownHostsFile": f'"{known}"',
        "GlobalKnownHostsFile": "/dev/null",
        "PreferredAuthentications": "none",
        "IdentityAgent": "none",
        "BatchMode": "yes",
        "ConnectTimeout": str(TIMEOUT),
    }
    return [
        "-F",
        str(file_in(directory)),
        *(word for name, value in options.items() for word in ("-o", f"{name}={value}")),
    ]


async def _output(*command: str) -> str:
    process = await asyncio.create_subprocess_exec(
        *command,
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.DEVNULL,
    )
    assert process.stdout is not None
    output = b""
    try:
        async with asyncio.timeout(PATIENCE):
            while piece := await process.stdout.read(LIMIT):
                output += piece
                if len(output) > LIMIT:
                    raise Retry(f"{command[0]} says more than {LIMIT} bytes: that is no list of host keys")
            await process.wait()
    except TimeoutError:
        raise Retry(f"{command[0]} has not ended after {PATIENCE:.0f} seconds") from None
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    return output.decode("utf-8", "replace")


def _keys(text: str) -> list[str]:
    """From lines `HOST TYPE BASE64`."""
    lines = [line.split() for line in text.splitlines()]
    return sorted({" ".join(words[1:3]) for words in lines if len(words) >= 3 and not words[0].startswith("#")})
