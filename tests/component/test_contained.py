"""In the Deployment's surroundings, what a test needs is there wherever it lies, and nothing else of a closed directory
is; see tests/support/surroundings.py."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path

import pytest

from tests.support.contained import SCRIPT, contained

USER = 64999
NAMES = ["plain", "with a blank", "a:colon", "line\nbreak", "*", "-- and \\040"]


class Place:
    """A closed home: a checkout, an interpreter and something private in it; a scratch directory elsewhere."""

    def __init__(self, directory: Path) -> None:
        self.home = directory / "home"
        self.scratch = directory / "scratch"
        self.scratch.mkdir(parents=True)
        self.checkout = self.make("work/checkout/file", "checkout")
        self.python = self.make(".versions/3/bin/python", "python")
        self.private = self.make("private", "private")
        self.home.chmod(0o700)

    def make(self, name: str, text: str) -> Path:
        path = self.home / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        return path


@pytest.fixture(params=NAMES, ids=["plain", "blank", "colon", "line-break", "star", "backslash"])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Place:
    return Place(tmp_path / request.param)


@pytest.fixture
def one_place(tmp_path: Path) -> Place:
    return Place(tmp_path)


def run(
    scratch: Path, *command: str | Path, installed: Sequence[Path] = (), needs: Sequence[Path] = ()
) -> subprocess.CompletedProcess[str]:
    """The command in the surroundings: with this Python, this checkout, and what else is installed."""
    whole = contained(command, scratch, user=USER, environment={}, needs=needs)
    at = whole.index(str(SCRIPT)) + 3
    whole[at:at] = map(str, installed)
    return subprocess.run(whole, capture_output=True, text=True, check=False, timeout=60, cwd="/")


def read(scratch: Path, *files: Path, installed: Sequence[Path] = (), needs: Sequence[Path] = ()) -> str:
    done = run(scratch, "cat", *files, installed=installed, needs=needs)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_two_ways_through_one_closed_directory(place: Place) -> None:
    """The second is not hidden by what opens the first."""
    wanted = [place.checkout.parent, place.python.parents[1]]
    for order in (wanted, wanted[::-1]):
        assert read(place.scratch, place.checkout, place.python, needs=order) == "checkoutpython"


def test_a_way_below_another(one_place: Place) -> None:
    """Also when something between them is closed; the rest of what was asked for is there nevertheless."""
    inner = one_place.make("work/checkout/closed/inner/file", "inner")
    inner.parents[1].chmod(0o700)
    whole = one_place.checkout.parent
    assert read(one_place.scratch, one_place.checkout, inner, needs=[inner.parent, whole]) == "checkoutinner"


def test_nothing_else_of_a_closed_directory_is_there(place: Place) -> None:
    done = run(place.scratch, "ls", place.home, needs=[place.checkout.parent])
    assert done.stdout == "work\n"
    assert run(place.scratch, "cat", place.private, needs=[place.checkout.parent]).returncode != 0
    assert place.private.read_text() == "private"


def test_scratch_above_what_is_needed(place: Place) -> None:
    """As /tmp is for a checkout below /tmp."""
    above = place.home.parent
    assert read(above, place.checkout, place.python, needs=[place.checkout, place.python]) == "checkoutpython"
    assert run(above, "ls", above, needs=[place.checkout]).stdout == "home\n"
    assert run(above, "touch", above / "made", needs=[place.checkout]).returncode == 0
    assert not (above / "made").exists()


def test_a_checkout_in_shared_memory() -> None:
    home = Path("/dev/shm/capra test")
    try:
        place = Place(home)
        assert read(place.scratch, place.checkout, place.python, needs=[place.checkout, place.python]).endswith("n")
        assert run(place.scratch, "touch", place.checkout, needs=[place.checkout]).returncode != 0
        assert run(place.scratch, "touch", "/dev/shm/made").returncode == 0
        assert not Path("/dev/shm/made").exists()
    finally:
        shutil.rmtree(home)


def test_links_from_one_closed_directory_to_another(one_place: Place, tmp_path: Path) -> None:
    """As a virtual environment names its Python, which may be a link itself, with relative and absolute targets."""
    named = tmp_path / "other home" / "bin" / "python"
    named.parent.mkdir(parents=True)
    minor = one_place.home / ".versions" / "minor"
    minor.symlink_to("3")
    named.symlink_to(minor / "bin" / ".." / "bin" / "python")
    (tmp_path / "other home").chmod(0o700)
    assert read(one_place.scratch, named, needs=[named]) == "python"
    assert read(one_place.scratch, minor / "bin" / "python", needs=[minor]) == "python"


def test_what_is_installed_can_be_read_however_it_was_installed(place: Place) -> None:
    """With a umask of 077, say; a test's own files keep their modes."""
    whole, single = place.checkout.parent, place.make("single", "single")
    program = place.make("work/checkout/bin/program", "#!/bin/sh\necho ran\n")
    program.chmod(0o700)
    for path in (place.checkout, single, whole, program.parent):
        path.chmod(path.stat().st_mode & 0o700)
    assert read(place.scratch, place.checkout, single, installed=[whole, single]) == "checkoutsingle"
    assert run(place.scratch, program, installed=[whole]).stdout == "ran\n"
    assert run(place.scratch, "cat", place.checkout, needs=[whole]).returncode != 0
    assert (single.stat().st_mode & 0o777, whole.stat().st_mode & 0o777) == (0o600, 0o700)


def test_nothing_of_it_can_be_written(one_place: Place) -> None:
    """Not as it is shown, not as a copy, and not beside it, even where the mode would allow it."""
    shown, copied = one_place.checkout.parent, one_place.python.parent
    for path in (shown, one_place.checkout, copied):
        path.chmod(0o777)
    one_place.python.chmod(0o600)
    for place in (shown / "new", one_place.checkout, copied / "new", one_place.python, one_place.home / "new"):
        done = run(one_place.scratch, "sh", "-c", 'echo x >"$1"', "sh", place, installed=[copied], needs=[shown])
        assert done.returncode != 0, place
    made = one_place.scratch / "made"
    assert run(one_place.scratch, "touch", made).returncode == 0
    assert not made.exists()


def test_who_it_is(one_place: Place) -> None:
    program = "import os, pwd; print(os.getuid(), os.getgid(), os.getgroups(), pwd.getpwuid(os.getuid()).pw_dir)"
    done = run(one_place.scratch, "python3", "-c", program)
    assert done.stdout == f"{USER} {USER} [] {one_place.scratch}\n"


def test_a_circle_of_links_is_an_error(one_place: Place) -> None:
    circle = one_place.home / "circle"
    circle.symlink_to("circle")
    assert "too many links" in run(one_place.scratch, "true", needs=[circle]).stderr
