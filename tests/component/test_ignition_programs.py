"""The host's programs for Ignition, in a directory of their own, under three shells: what they make, what they refuse,
and that a second run ends where the first one did."""

from __future__ import annotations

import gzip
import hashlib
import os
import shutil
import subprocess
import threading
from collections.abc import Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from capra.bootstrap.host_script import host_script
from tests.component.programs.host import OTHER, SHELLS, needs_root

TOOLS = "cat chmod chown cut date grep gzip id ls mkdir mv readlink rm sed sha256sum sha512sum stat sync timeout wget"


class Programs:
    """Runs a program of `capra/bootstrap/scripts` with one shell. path: of the commands that it finds."""

    def __init__(self, shell: list[str]) -> None:
        self.shell = shell
        self.path = os.environ["PATH"]

    def run(self, name: str, /, **variables: str | Path) -> str:
        """What it says on stderr; empty where it has ended well."""
        texts = {key: str(value) for key, value in variables.items()}
        before = ["path"] if "look" not in name else []
        script = host_script(name, "", "", texts, before=before).command
        done = subprocess.run(
            [shutil.which(self.shell[0]) or "", *self.shell[1:], "-c", script],
            capture_output=True,
            text=True,
            check=False,
            env={"PATH": self.path},
        )
        assert (done.returncode == 0) == (not done.stderr), (done.returncode, done.stderr)
        assert done.returncode in (0, 1)
        return done.stderr


@pytest.fixture(params=SHELLS)
def programs(request: pytest.FixtureRequest) -> Programs:
    return Programs(SHELLS[request.param])


def digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def test_what_is_in_the_way(programs: Programs, tmp_path: Path) -> None:
    look = partial(programs.run, "ignition/look")
    (tmp_path / "a b").write_bytes(b"\0same")
    (tmp_path / "link").symlink_to("a b")
    (tmp_path / "nowhere").symlink_to("x")
    same, kept = f"sha256 {digest(bytes(1) + b'same')} ", "- - "
    assert look(FILES="") == ""
    assert look(FILES=f"{same}{tmp_path}/a b\n{kept}{tmp_path}/a b\n{same}{tmp_path}/none\n") == ""
    for line, why in {
        f"sha256 {'0' * 64} {tmp_path}/a b": "is not what the config makes of it",
        f"{kept}{tmp_path}": "is no regular file",
        f"{same}{tmp_path}/link": "is no regular file",
        f"{kept}{tmp_path}/nowhere": "is no regular file",
    }.items():
        assert why in look(FILES=f"{same}{tmp_path}/none\n{line}\n{same}{tmp_path}/a b\n")


def test_room_is_made_for_files(programs: Programs, tmp_path: Path) -> None:
    (tmp_path / "directory" / "deep").mkdir(parents=True)
    (tmp_path / "file").write_text("kept")
    (tmp_path / "link").symlink_to("directory")
    names = ("directory", "file", "link", "none")
    assert programs.run("ignition/clear", FILES="".join(f"{tmp_path}/{name}\n" for name in names)) == ""
    assert os.listdir(tmp_path) == ["file"]
    assert "/usr is a directory of the system" in programs.run("ignition/clear", FILES="/usr\n")


def test_directories(programs: Programs, tmp_path: Path) -> None:
    make = partial(programs.run, "ignition/directory", OWNER="", OVERWRITE="")
    place = tmp_path / "a b" / "c"
    for _ in range(2):
        assert make(DIRECTORY=place, MODE="1750") == ""
        assert place.stat().st_mode & 0o7777 == 0o1750
    assert place.parent.stat().st_mode & 0o777 == 0o755
    assert make(DIRECTORY=place, MODE="") == ""
    assert place.stat().st_mode & 0o7777 == 0o1750
    (place / "file").write_text("x")
    assert "is no directory" in make(DIRECTORY=place / "file", MODE="")
    assert make(DIRECTORY=place, MODE="", OVERWRITE="yes") == ""
    assert os.listdir(place) == []
    assert "not replaced" in make(DIRECTORY="/usr", MODE="", OVERWRITE="yes")


def test_an_owner_that_is_not_there(programs: Programs, tmp_path: Path) -> None:
    told = programs.run("ignition/directory", DIRECTORY=tmp_path / "a", MODE="", OWNER="nobody-here:", OVERWRITE="")
    assert "is there such a user?" in told


@pytest.mark.parametrize("hard", ["", "yes"])
def test_links(programs: Programs, tmp_path: Path, hard: str) -> None:
    make = partial(programs.run, "ignition/link", HARD=hard, OWNER="")
    target, link = tmp_path / "target", tmp_path / "deep" / "a b"
    target.write_text("x")
    for _ in range(2):
        assert make(LINK=link, TARGET=target, OVERWRITE="") == ""
        assert link.samefile(target)
    assert link.is_symlink() == (not hard)
    other = tmp_path / "other"
    other.write_text("y")
    assert "is not this link" in make(LINK=link, TARGET=other, OVERWRITE="")
    assert link.samefile(target)
    assert make(LINK=link, TARGET=other, OVERWRITE="yes") == ""
    assert link.samefile(other)
    assert target.read_text() == "x"


def test_a_symbolic_link_may_lead_nowhere(programs: Programs, tmp_path: Path) -> None:
    make = partial(programs.run, "ignition/link", OWNER="", OVERWRITE="", TARGET="-n")
    assert make(LINK=tmp_path / "a", HARD="") == ""
    assert os.readlink(tmp_path / "a") == "-n"
    assert "which is no file" in make(LINK=tmp_path / "b", HARD="yes")


@pytest.fixture
def served(tmp_path: Path) -> Iterator[tuple[Path, str]]:
    """A directory, and the URL under which it is served."""
    directory = tmp_path / "served"
    directory.mkdir()

    class Handler(SimpleHTTPRequestHandler):
        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), partial(Handler, directory=str(directory))) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield directory, f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


def only(directory: Path, *without: str) -> str:
    """A PATH with the tools that the program needs, but for some."""
    directory.mkdir()
    for tool in TOOLS.split():
        if tool not in without and (found := shutil.which(tool)):
            (directory / tool).symlink_to(found)
    return str(directory)


@pytest.mark.parametrize("with_curl", [True, False], ids=["curl", "wget"])
@pytest.mark.parametrize("gzipped", ["", "yes"])
def test_a_file_is_fetched(
    programs: Programs, tmp_path: Path, served: tuple[Path, str], gzipped: str, with_curl: bool
) -> None:
    directory, url = served
    if not with_curl:
        if programs.shell[0] == "busybox":
            pytest.skip("busybox's own wget is none that reads a URL from stdin")
        programs.path = only(tmp_path / "bin")
    content = bytes(range(256)) * 100
    (directory / "a[1]").write_bytes(gzip.compress(content) if gzipped else content)
    fetch = partial(programs.run, "ignition/fetch", ALGORITHM="sha256", GZIPPED=gzipped, OWNER="")
    file = tmp_path / "to" / "file"
    for mode in ("0640", "0600"):
        assert fetch(FILE=file, URL=f"{url}/a[1]?x=y", MODE=mode, DIGEST=digest(content)) == ""
        assert file.read_bytes() == content
        assert file.stat().st_mode & 0o777 == int(mode, 8)
        (directory / "a[1]").unlink(missing_ok=True)  # what is whole is not fetched again
    assert os.listdir(file.parent) == ["file"]


def test_what_is_fetched_must_be_what_it_is_said_to_be(
    programs: Programs, tmp_path: Path, served: tuple[Path, str]
) -> None:
    directory, url = served
    (directory / "a").write_bytes(b"evil")
    file = tmp_path / "to" / "file"
    fetch = partial(
        programs.run, "ignition/fetch", FILE=file, ALGORITHM="sha512", DIGEST="0" * 128, OWNER="", MODE="0644"
    )
    for name, gzipped, why in (
        ("a", "", "has not the sha512 digest"),
        ("a", "yes", "not valid gzip data"),
        ("none", "", "could not be fetched"),
    ):
        assert why in fetch(URL=f"{url}/{name}", GZIPPED=gzipped)
        assert os.listdir(file.parent) == []


def test_a_host_that_cannot_fetch(programs: Programs, tmp_path: Path) -> None:
    programs.path = only(tmp_path / "bin", "wget")
    variables = {"ALGORITHM": "sha256", "DIGEST": "0" * 64, "GZIPPED": "", "OWNER": "", "MODE": "0644"}
    told = programs.run("ignition/fetch", FILE=tmp_path / "file", URL="http://127.0.0.1:1/", **variables)
    assert "install curl, or GNU wget" in told


@pytest.fixture
def swapped(tmp_path: Path) -> tuple[Path, Path]:
    """A directory that another user owns, with a link `link` of theirs to one of root's; and what that holds."""
    victim, home = tmp_path / "victim", tmp_path / "home"
    (victim / "sub").mkdir(parents=True, mode=0o700)
    (victim / "sub" / "precious").write_text("kept")
    home.mkdir()
    (home / "link").symlink_to(victim)
    os.chown(home, OTHER, OTHER)
    return home, victim


def state(directory: Path) -> list[tuple[str, int, int, int]]:
    """Names, owners, modes and link counts of all below a directory, and its own."""
    found = [(str(path), path.lstat()) for path in sorted([directory, *directory.rglob("*")])]
    return [(name, status.st_uid, status.st_mode, status.st_nlink) for name, status in found]


PROGRAMS = {
    "clear": {"FILES": "{}\n"},
    "directory": {"DIRECTORY": "{}", "MODE": "0777", "OWNER": str(OTHER), "OVERWRITE": "yes"},
    "link": {"LINK": "{}", "TARGET": "x", "HARD": "", "OWNER": str(OTHER), "OVERWRITE": "yes"},
    "fetch": {"FILE": "{}", "MODE": "0777", "OWNER": str(OTHER), "GZIPPED": "", "ALGORITHM": "sha256"}
    | {"DIGEST": digest(b"kept"), "URL": "http://127.0.0.1:1/"},
}
"""Programs that make or remove something at a path."""


@needs_root
@pytest.mark.parametrize("name", PROGRAMS)
@pytest.mark.parametrize("path", ["link/sub", "link/sub/precious", "link/new/new"])
def test_a_link_of_another_user_is_not_followed(
    programs: Programs, swapped: tuple[Path, Path], name: str, path: str
) -> None:
    home, victim = swapped
    before = state(victim)
    told = programs.run(f"ignition/{name}", **{key: text.format(home / path) for key, text in PROGRAMS[name].items()})
    assert state(victim) == before
    if name != "clear" or path == "link/sub":  # there is no other directory or link to remove
        assert f"{home}/link is a link in a directory that others may write to" in told
        assert len(told.splitlines()) == 1


@needs_root
def test_a_hard_link_is_not_led_away(programs: Programs, swapped: tuple[Path, Path], tmp_path: Path) -> None:
    home, victim = swapped
    make = partial(programs.run, "ignition/link", LINK=tmp_path / "hard", HARD="yes", OWNER="", OVERWRITE="")
    assert "is not followed" in make(TARGET=home / "link" / "sub" / "precious")
    (home / "own").write_text("x")
    assert "make a symbolic link" in make(TARGET=home / "own")
    assert not (tmp_path / "hard").exists()
    assert (victim / "sub" / "precious").stat().st_nlink == 1


@needs_root
def test_a_link_of_roots_is_followed(programs: Programs, tmp_path: Path) -> None:
    (tmp_path / "real" / "deep").mkdir(parents=True)
    (tmp_path / "link").symlink_to("real/../real/deep")
    (tmp_path / "absolute").symlink_to(tmp_path / "link")
    (tmp_path / "loop").symlink_to("loop")
    make = partial(programs.run, "ignition/directory", MODE="", OWNER="", OVERWRITE="")
    assert make(DIRECTORY=tmp_path / "absolute" / "a" / "b") == ""
    assert (tmp_path / "real" / "deep" / "a" / "b").is_dir()
    assert "too many links" in make(DIRECTORY=tmp_path / "loop" / "a")


@needs_root
@pytest.mark.parametrize("name", ["directory", "link", "fetch"])
def test_in_a_directory_of_another_user_nothing_else_is_touched(
    programs: Programs, swapped: tuple[Path, Path], name: str, served: tuple[Path, str]
) -> None:
    """The last name is the user's link, or what a run that was cut off would have left."""
    home, victim = swapped
    before = state(victim)
    if name != "directory":
        (home / ".capra-new").symlink_to(victim)
    (served[0] / "a").write_text("kept")
    texts = {key: text.format(home / "link") for key, text in PROGRAMS[name].items()}
    texts |= {"URL": f"{served[1]}/a"} if name == "fetch" else {}
    assert programs.run(f"ignition/{name}", **texts) == ""
    assert state(victim) == before
    assert (home / "link").lstat().st_uid == OTHER
    assert (home / "link").is_dir() == (name == "directory")
    assert (home / "link").is_symlink() == (name == "link")
    assert os.listdir(home) == ["link"]
