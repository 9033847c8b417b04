"""The items of `spec.hosts` to the hosts of a cluster. Pure. The fields are those of k0sctl's README, 'Host Fields'."""

from __future__ import annotations

import ipaddress
import re
import shlex
from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import urlsplit

from capra.clusters.cluster import DEFAULT_BINARY, DEFAULT_DATA_DIR, ClusterHost, HostRole
from capra.inventory.imported import ImportedHost, Problems

RELEASES = "https://github.com/k0sproject/k0s/releases/download/%v/k0s-%v-%p"
PATH = re.compile(r"/[A-Za-z0-9._/@+-]+")
HOST_NAME = re.compile(r"[a-z0-9]([a-z0-9.-]{0,251}[a-z0-9])?")
OWN_FLAGS = ("--token-file", "--force", "--single", "--config", "-c")
"""Flags of `k0s install` that Capra gives itself."""


class HostReader:
    """The hosts, one after the other. What is wrong goes to the problems."""

    def __init__(self, source: str, given: Sequence[Any], problems: Problems) -> None:
        self._given = {f"{source}: spec.hosts[{number}]": host for number, host in enumerate(given)}
        self._problems = problems
        self.notes: list[str] = []

    def host(self, imported: ImportedHost) -> ClusterHost:
        """One host. imported: of it."""
        given, subject = self._given[imported.subject], imported.subject
        role = HostRole(given.get("role", "worker"))
        if given.get("k0sBinaryPath"):
            problem = "is not uploaded; put the program on the host, and set useExistingK0s"
            self._problems.add(problem, subject, "k0sBinaryPath")
        self._check_names(given, subject)
        flags = self._flags(given, subject)
        data_dir = self._path(given, "dataDir", subject) or _value(flags, "--data-dir") or DEFAULT_DATA_DIR
        return ClusterHost(
            imported=imported,
            role=role,
            flags=self._with_own(flags, given, role, data_dir, subject),
            binary=self._path(given, "k0sInstallPath", subject) or DEFAULT_BINARY,
            data_dir=data_dir,
            existing=given.get("useExistingK0s") is True,
            url=self._url(given, subject),
            private_address=str(given.get("privateAddress") or ""),
            node_name=str(given.get("hostname") or ""),
            leaving=self._leaving(given, imported),
        )

    def _check_names(self, given: Mapping[str, Any], subject: str) -> None:
        for name in ("installFlags", "k0sDownloadURL"):
            if "$" in str(given.get(name) or ""):
                problem = "has a variable of the environment, as envsubst replaces them; run envsubst first"
                self._problems.add(problem, subject, name)
        if (hostname := given.get("hostname")) and not HOST_NAME.fullmatch(str(hostname)):
            self._problems.add("must be a name of lower-case letters, digits, dashes and dots", subject, "hostname")
        try:
            ipaddress.ip_address(str(given.get("privateAddress") or "::1"))
        except ValueError:
            self._problems.add("must be an IP address", subject, "privateAddress")

    def _leaving(self, given: Mapping[str, Any], imported: ImportedHost) -> bool:
        if given.get("reset") is not True:
            return False
        place = imported.subject.rpartition(": ")[2]
        self.notes.append(f"{place}.reset: the host is left alone; capra down with --limit {imported.name} cleans it")
        return True

    def _flags(self, given: Mapping[str, Any], subject: str) -> tuple[str, ...]:
        """The words of installFlags, each of which may be several to a shell."""
        listed = given.get("installFlags") or []
        if not isinstance(listed, list) or not all(isinstance(one, str) for one in listed):
            self._problems.add("must be a list of strings", subject, "installFlags")
            return ()
        words: list[str] = []
        for one in listed:
            try:
                words += shlex.split(one)
            except ValueError:
                self._problems.add("has a quotation mark without its other half", subject, "installFlags")
        for word in words:
            if word.partition("=")[0] in OWN_FLAGS:
                problem = f"has {word.partition('=')[0]}, which Capra gives itself; leave it out"
                self._problems.add(problem, subject, "installFlags")
        return tuple(words)

    def _with_own(
        self, flags: tuple[str, ...], given: Mapping[str, Any], role: HostRole, data_dir: str, subject: str
    ) -> tuple[str, ...]:
        """The flags, with those that k0sctl makes of a host's other fields."""
        added: list[str] = []
        if data_dir != DEFAULT_DATA_DIR and not _value(flags, "--data-dir"):
            added.append(f"--data-dir={data_dir}")
        if kubelet := self._path(given, "kubeletRootDir", subject):
            added.append(f"--kubelet-root-dir={kubelet}")
        if role is HostRole.CONTROLLER_WORKER:
            added.append("--enable-worker")
            added += ["--no-taints"] if given.get("noTaints") is True else []
        if role is HostRole.SINGLE:
            added.append("--single")
        words = (*flags, *(one for one in added if one not in flags))
        return _with_kubelet(words, given) if role is not HostRole.CONTROLLER else words

    def _path(self, given: Mapping[str, Any], name: str, subject: str) -> str:
        value = given.get(name) or ""
        if value and not PATH.fullmatch(str(value)):
            self._problems.add("must be an absolute path, of letters, digits and . _ @ + -", subject, name)
            return ""
        return str(value)

    def _url(self, given: Mapping[str, Any], subject: str) -> str:
        url = str(given.get("k0sDownloadURL") or RELEASES)
        parts = urlsplit(url.replace("%", "%25"))
        if parts.scheme not in ("https", "http") or not parts.hostname:
            self._problems.add("must be a URL of http or https", subject, "k0sDownloadURL")
        elif parts.username or parts.password:
            problem = "holds a user or password, which the list of processes would show; see useExistingK0s"
            self._problems.add(problem, subject, "k0sDownloadURL")
        return url


def _value(flags: Sequence[str], name: str) -> str:
    """Of the last `--name=value` or `--name value`."""
    found = ""
    for word, after in zip(flags, (*flags, "")[1:], strict=True):
        if word == name:
            found = after
        elif word.startswith(f"{name}="):
            found = word.partition("=")[2]
    return found


def _with_kubelet(flags: tuple[str, ...], given: Mapping[str, Any]) -> tuple[str, ...]:
    """With the node's name and address for the kubelet, as k0sctl gives them."""
    name = "--kubelet-extra-args"
    before = _value(flags, name)
    words = [before] if before else []
    address = "" if "--enable-cloud-provider" in flags else given.get("privateAddress")
    if address and "--node-ip" not in before:
        words.append(f"--node-ip={address}")
    if (hostname := given.get("hostname")) and "--hostname-override" not in before:
        words.append(f"--hostname-override={hostname}")
    if len(words) == (1 if before else 0):
        return flags
    kept = [
        word
        for word, ahead in zip(flags, ("", *flags), strict=False)
        if not word.startswith(f"{name}=") and name not in (word, ahead)
    ]
    return (*kept, f"{name}={' '.join(words)}")
