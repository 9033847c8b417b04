"""What apt on this machine knows: the mirror to use, and packages fetched with its own settings."""

from __future__ import annotations

import os
import platform
import shlex
import shutil
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from .errors import HostError, Unavailable
from .process import run

QUIET = {**os.environ, "DEBIAN_FRONTEND": "noninteractive", "LC_ALL": "C"}


@dataclass(frozen=True)
class Mirror:
    """One archive of the machine's distribution."""

    uri: str
    suite: str
    """Code name, e.g. the one in /etc/os-release."""
    signed_by: str = ""
    """Keyring file; empty: apt's and debootstrap's own default."""
    trusted: bool = False

    def source_line(self) -> str:
        """As in sources.list, `main` only."""
        options = [f"signed-by={self.signed_by}"] if self.signed_by.startswith("/") else []
        options += ["trusted=yes"] if self.trusted else []
        return f"deb {'[' + ' '.join(options) + '] ' if options else ''}{self.uri} {self.suite} main\n"


def code_name() -> str:
    """VERSION_CODENAME of this machine; `Unavailable` where it is no Debian or derivative of it."""
    names = platform.freedesktop_os_release()
    if shutil.which("apt-get") is None or "VERSION_CODENAME" not in names:
        raise Unavailable(f"the rootfs is built with apt and debootstrap; this is {names.get('ID', 'unknown')}")
    return names["VERSION_CODENAME"]


def _one_line_entries(text: str) -> Iterator[dict[str, list[str]]]:
    """Entries of a `sources.list` in the one-line format."""
    for line in text.splitlines():
        head, _, rest = line.partition("#")[0].strip().partition(" ")
        if head != "deb":
            continue
        options: dict[str, list[str]] = {}
        rest = rest.strip()
        if rest.startswith("["):
            inside, _, rest = rest[1:].partition("]")
            for option in inside.split():
                key, _, value = option.partition("=")
                options[key.lower()] = [value]
        words = rest.split()
        if len(words) >= 3:
            yield {"uris": words[:1], "suites": words[1:2], "components": words[2:], **options}


def _deb822_entries(text: str) -> Iterator[dict[str, list[str]]]:
    """Entries of a `*.sources` file: stanzas of `Key: values`."""
    for stanza in text.replace("\r", "").split("\n\n"):
        fields: dict[str, list[str]] = {}
        key = ""
        for line in stanza.splitlines():
            if line.startswith("#"):
                continue
            values = line
            if not line.startswith((" ", "\t")):
                key, _, values = line.partition(":")
            fields.setdefault(key.strip().lower(), []).extend(values.split())
        if "deb" in fields.get("types", []) and fields.get("enabled", ["yes"])[0] != "no":
            yield fields


def mirrors() -> Iterator[Mirror]:
    """All archives in apt's configuration that have `main` of this machine's release, of its updates or of its security
    updates, in the order of the files."""
    release = code_name()
    suites = (release, f"{release}-updates", f"{release}-security")
    base = Path("/etc/apt")
    files = [base / "sources.list", *sorted((base / "sources.list.d").glob("*"))]
    for file in files:
        if not file.is_file() or file.suffix not in (".list", ".sources"):
            continue
        read = _deb822_entries if file.suffix == ".sources" else _one_line_entries
        for entry in read(file.read_text(errors="replace")):
            if "main" not in entry.get("components", []):
                continue
            signed_by = (entry.get("signed-by") or [""])[0]
            for suite in (suite for suite in suites if suite in entry["suites"]):
                for uri in entry["uris"]:
                    if uri.startswith(("http://", "https://", "file:")):
                        yield Mirror(uri, suite, signed_by, entry.get("trusted") == ["yes"])


def mirror() -> Mirror:
    """The first of them with the release itself."""
    release = code_name()
    for one in mirrors():
        if one.suite == release:
            return one
    raise Unavailable(f"apt's configuration names no archive with main of {release}")


def proxy_environment() -> dict[str, str]:
    """The environment with apt's own proxy in it, for debootstrap."""
    names = {"http_proxy": "Acquire::http::Proxy", "https_proxy": "Acquire::https::Proxy"}
    query = [part for pair in names.items() for part in pair]
    found = dict(line.split("=", 1) for line in run("apt-config", "shell", *query).stdout.splitlines() if "=" in line)
    said = {name: shlex.split(value)[0] for name, value in found.items()}
    return {**QUIET, **{name: value for name, value in said.items() if not os.environ.get(name)}}


def install_missing(commands: dict[str, str]) -> list[str]:
    """Install, as root, the packages whose command is not there; `commands`: command → package."""
    search = os.environ.get("PATH", "") + ":/usr/local/sbin:/usr/sbin:/sbin"
    missing = sorted({package for name, package in commands.items() if not shutil.which(name, path=search)})
    if missing:
        if os.geteuid() != 0:
            raise Unavailable(f"not root, and not installed: {', '.join(missing)}")
        run("apt-get", "update", "-qq", timeout=300, env=QUIET)
        run("apt-get", "install", "-y", "-qq", "--no-install-recommends", *missing, timeout=600, env=QUIET)
    return missing


def unpack(packages: Sequence[str], place: Path) -> None:
    """Download these packages, without what they need, and unpack them below a directory of the cache: once, and
    without root. Raises `Unavailable`."""
    if place.is_dir():
        return
    if shutil.which("apt-get") is None:
        raise Unavailable(f"no apt to get {packages[0]} with")
    partial = place.with_name(f".partial-{place.name}-{os.getpid()}")
    partial.mkdir(parents=True)
    try:
        # `sh -c cd`: apt-get download writes into the directory it runs in.
        run("sh", "-c", 'cd "$0" && apt-get download -qq "$@"', partial, *packages, env=QUIET, timeout=300)
        for package in partial.glob("*.deb"):
            run("dpkg", "-x", package, partial)
            package.unlink()
    except HostError as error:
        shutil.rmtree(partial)
        raise Unavailable(f"{packages[0]} could not be downloaded: {error}") from error
    try:
        partial.rename(place)
    except OSError:  # somebody else was faster
        shutil.rmtree(partial)
        if not place.is_dir():
            raise


class Downloader:
    """Fetches packages and what they need for another root, without touching the machine's own lists."""

    def __init__(self, archive: Mirror, lists: Path) -> None:
        self._options = {
            "Dir::Etc::sourcelist": str(lists / "sources.list"),
            "Dir::Etc::sourceparts": "/dev/null",
            "Dir::State::lists": str(lists / "lists"),
            "Dir::Cache": str(lists),
            "APT::Install-Recommends": "0",
            "APT::Sandbox::User": "root",
            "Acquire::Languages": "none",
            "Acquire::IndexTargets::deb::DEP-11::DefaultEnabled": "false",
            "Acquire::IndexTargets::deb::Contents-deb::DefaultEnabled": "false",
        }
        (lists / "lists" / "partial").mkdir(parents=True, exist_ok=True)
        (lists / "sources.list").write_text(archive.source_line())
        self._get("update", "-qq")

    def _get(self, *words: str | Path, **more: str) -> None:
        options = [f"-o{key}={value}" for key, value in {**self._options, **more}.items()]
        run("apt-get", *options, *words, timeout=300, env=QUIET)

    def fetch(self, root: Path, packages: Sequence[str], into: Path) -> None:
        """Into the directory: the packages and their dependencies that `root` does not have yet."""
        (into / "partial").mkdir(parents=True, exist_ok=True)
        places = {"Dir::State::status": str(root / "var/lib/dpkg/status"), "Dir::Cache::archives": str(into)}
        self._get("install", "--download-only", "-y", "-qq", *packages, **places)
