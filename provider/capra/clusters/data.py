"""The bootstrap data of each host: cloud-config that gets k0s, installs it, starts it and waits. Pure.

It is the same for the same input, whenever it is made: no join token is in it, only the path of one. So the digest of a
host's bootstrap, and the run's id on the host, stay what they were (docs/decisions/0036).
"""

from __future__ import annotations

import posixpath
from collections.abc import Mapping
from functools import cache
from importlib.resources import files
from urllib.parse import quote as percent_encoded

import yaml

from capra.bootstrap.script import command_line, quote
from capra.clusters.cluster import ClusterHost, K0sCluster
from capra.clusters.config import k0s_config

CONFIG = "/etc/k0s/k0s.yaml"
TOKEN_LINK = "/etc/k0s/capra-join-token"  # noqa: S105  # a path
TOKEN = "/run/capra-join/token"  # noqa: S105  # a path
"""Where k0s is told to look for its join token, and where that leads: to memory."""

ARCHITECTURE = "{architecture}"
"""Stands in a URL for what only the host knows; no URL has braces."""

START_SECONDS = 300
"""That k0s may take until it answers; images come later."""


TITLES: Mapping[str, str] = {
    "runcmd[0]": "get k0s",
    "runcmd[1]": "install the service of k0s",
    "runcmd[2]": "start k0s, and wait until it answers",
    "runcmd[3]": "make the sentinel file",
}
"""Of the commands of `bootstrap_data`."""


def bootstrap_data(cluster: K0sCluster, host: ClusterHost, sentinel: str) -> bytes:
    """cloud-config for the host. sentinel: path of the file that proves the bootstrap."""
    document: dict[str, object] = {}
    if host.controls:
        content = yaml.safe_dump(k0s_config(cluster, host), sort_keys=True)
        document["write_files"] = [{"path": CONFIG, "permissions": "0600", "content": content}]
    directory = posixpath.dirname(sentinel)
    document["runcmd"] = [
        _program("get", _get_variables(cluster, host)),
        _program("install", _variables(cluster, host), install_flags(cluster, host)),
        _program("start", {**_variables(cluster, host), "data": host.data_dir, "seconds": str(START_SECONDS)}),
        f"mkdir -p {quote(directory)} && touch {quote(sentinel)}",
    ]
    return b"#cloud-config\n" + yaml.safe_dump(document, sort_keys=True, width=4096).encode()


def install_flags(cluster: K0sCluster, host: ClusterHost) -> tuple[str, ...]:
    """The words behind `k0s install ROLE`."""
    config = (f"--config={CONFIG}",) if host.controls else ()
    token = () if host == cluster.leader else (f"--token-file={TOKEN_LINK}",)
    return (*config, *token, *host.flags)


def _variables(cluster: K0sCluster, host: ClusterHost) -> dict[str, str]:
    joins = host != cluster.leader
    return {
        "binary": host.binary,
        "role": host.role.service,
        "link": TOKEN_LINK if joins else "",
        "token": TOKEN if joins else "",
    }


def _get_variables(cluster: K0sCluster, host: ClusterHost) -> dict[str, str]:
    version = "" if host.existing else cluster.version
    return {"binary": host.binary, "version": version, "url": download_url(host.url, version) if version else ""}


def download_url(url: str, version: str) -> str:
    """The URL with k0sctl's tokens replaced ('Tokens' in its README): `%v` the version, `%x` nothing, `%%` a percent
    sign; `%p`, the architecture, as ARCHITECTURE."""
    replaced = {"v": percent_encoded(version), "p": ARCHITECTURE, "x": "", "%": "%"}
    parts, rest = [], url
    while rest:
        head, percent, rest = rest.partition("%")
        parts.append(head)
        if percent:
            parts.append(replaced.get(rest[:1], f"%{rest[:1]}"))
            rest = rest[1:]
    return "".join(parts)


def _program(name: str, variables: Mapping[str, str], words: tuple[str, ...] = ()) -> str:
    lines = [f"{key}={quote(value)}\n" for key, value in sorted(variables.items())]
    given = f"set -- {command_line(words)}\n" if words else ""
    return "".join([*lines, given, _text("common"), _text(name)])


@cache
def _text(name: str) -> str:
    lines = files(__package__).joinpath("scripts", f"{name}.sh").read_text().splitlines(keepends=True)
    # Comments are for whoever reads the file; the host gets it with every run.
    return "".join(line for line in lines if line.strip() and not line.lstrip().startswith("#"))
