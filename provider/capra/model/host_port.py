"""A host and a port as one text, the one way in which Capra shows and reads them. Pure."""

from __future__ import annotations

import shlex

from capra.model import checks

SSH_PORT = 22


def join_host_port(host: str, port: int) -> str:
    """`192.0.2.1:22`, `node.example.com:22`, `[2001:db8::1]:22`, `[fe80::1%eth0]:22` (RFC 3986 and RFC 4007)."""
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def split_host_port(text: str) -> tuple[str, int | None]:
    """The other way round; an IPv6 address without a port may stand without brackets. Raises ValueError with the rest
    of a sentence that begins with the text. Neither part is checked further; None stands for no port."""
    if text.startswith("["):
        host, bracket, rest = text[1:].rpartition("]")
        if not bracket or ":" not in host or (rest and not rest.startswith(":")):
            raise ValueError("must be an IPv6 address in brackets, and then a colon and the port")
    elif text.count(":") == 1:
        host, _, rest = text.partition(":")
        rest = f":{rest}"
    else:
        host, rest = text, ""
    if not rest:
        return host, None
    port = rest[1:]
    if not (port.isascii() and port.isdigit()):
        raise ValueError("must have a number after the colon")
    return host, int(port)


def ssh_place(text: str) -> tuple[str, int]:
    """A host that runs SSH, with its port (22 where there is none). Raises ValueError likewise."""
    host, port = split_host_port(text)
    if not host:
        raise ValueError("must not be empty")
    return checks.address(host), checks.port(SSH_PORT if port is None else port)


def known_hosts_name(host: str, port: int) -> str:
    """What OpenSSH calls a host in a known_hosts file, in the one form for all spellings of an address."""
    name = checks.same_address(host)
    return name if port == SSH_PORT else f"[{name}]:{port}"


def shell_word(host: str, port: int) -> str:
    """The same for a command that a person is to run: a shell takes brackets for a pattern."""
    return shlex.quote(join_host_port(host, port))
