"""Files in directories that others may write: no link of theirs is followed, at no moment."""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from ansible_collections.capra.machine.plugins.plugin_utils import programs
from tests.component.programs.host import (
    OTHER,
    SHELLS,
    Host,
    append,
    group_lives,
    mode,
    needs_root,
    states,
    tree,
    wait_for,
    write,
)


@pytest.fixture
def victim(host: Host) -> Path:
    """A file of root's that no step names."""
    file = host.work / "profile"
    file.write_bytes(b"root's")
    file.chmod(0o640)
    return file


def untouched(victim: Path) -> bool:
    """Whether content, owner and mode of a victim are still root's."""
    found = victim.stat()
    return (victim.read_bytes(), found.st_uid, mode(victim)) == (b"root's", 0, 0o640)


def shell(host: Host, text: str) -> str:
    """What the functions for places say, in this host's shell."""
    script = f"{programs.text(('records', 'common', 'places'))}\nsay() {{ printf '%s\\n' \"$*\"; }}\n{text}"
    ended = subprocess.run([*SHELLS[host.shell], "-c", script], capture_output=True, text=True, check=False)
    assert ended.stderr == ""
    return ended.stdout


@needs_root
@pytest.mark.parametrize("kind", [write, append])
@pytest.mark.parametrize("link", ["home/app.conf", "home/sub"])
def test_a_link_of_another_user_is_not_followed(host: Host, home: Path, victim: Path, link: str, kind: object) -> None:
    to = victim if link.endswith(".conf") else victim.parent
    (host.work / link).symlink_to(to)
    path = home / ("app.conf" if link.endswith(".conf") else "sub/profile")
    (ended,) = host.run((write if kind is write else append)(path, b"x", owner=str(OTHER)))
    assert ended.state == "failed"
    assert f"{host.work / link}: a link in a directory that others may write is not followed" in ended.output
    assert untouched(victim)
    host.finished({"kind": "forget"}, run_id="cleanup")
    assert untouched(victim)
    assert [path.name for path in home.iterdir()] == [Path(link).name]


@needs_root
@pytest.mark.parametrize("rights", [0o1777, 0o777, 0o775])
def test_nor_one_in_a_directory_that_others_may_write(host: Host, victim: Path, rights: int) -> None:
    shared = host.work / "shared"
    shared.mkdir()
    shared.chmod(rights)
    (shared / "link").symlink_to(victim)
    assert states(host.run(write(shared / "link", b"x"))) == ["failed"]
    assert untouched(victim)
    host.finished(write(shared / "file", b"x"), run_id="two")
    assert (shared / "file").read_bytes() == b"x"


def test_links_of_root_are_followed(host: Host) -> None:
    work = host.work
    (work / "run").mkdir()
    (work / "run/resolv.conf").write_bytes(b"old")
    (work / "etc").mkdir()
    (work / "etc/resolv.conf").symlink_to("../run/resolv.conf")
    (work / "var").symlink_to(work / "run")
    (work / "loop").symlink_to("loop")
    before = tree(work)
    host.finished(write(work / "etc/resolv.conf", b"new"), append(work / "var/a/b", b"1"))
    assert (work / "run/resolv.conf").read_bytes() == b"new"
    assert (work / "etc/resolv.conf").is_symlink()
    assert (work / "run/a/b").read_bytes() == b"1"
    (ended,) = host.run(write(work / "loop", b"x"), run_id="two")
    assert "leads nowhere" in ended.output
    host.finished({"kind": "forget"}, run_id="cleanup")
    assert tree(work) == before


@needs_root
def test_an_append_copies_no_file_under_another_name(host: Host, home: Path, victim: Path) -> None:
    os.link(victim, home / "app.conf")
    (ended,) = host.run(append(home / "app.conf", b"x", owner=str(OTHER)))
    assert "hard link" in ended.output
    assert untouched(victim)
    (home / "app.conf").unlink()
    (home / "own").write_bytes(b"1")
    os.chown(home / "own", OTHER, OTHER)
    host.finished(append(home / "own", b"2"), run_id="two")
    assert ((home / "own").read_bytes(), (home / "own").stat().st_uid) == (b"12", OTHER)
    host.finished({"kind": "forget"}, run_id="cleanup")
    assert ((home / "own").read_bytes(), (home / "own").stat().st_uid) == (b"1", OTHER)
    assert {path.name for path in home.iterdir()} == {"own"}


@needs_root
def test_a_private_directory_is_nobody_elses(host: Host, home: Path) -> None:
    """In its place stands one of the other user, or a link, before it is entered."""
    swap = f'mkdir() {{ command mkdir "$@" && mv "./$PRIVATE" ./away && {{}} "./$PRIVATE"; }}; PRIVATE=p PLACE={home}/f'
    for put, kind in ((f"ln -s {host.work}", "link"), ("install -d -o 65534", "directory"), ("touch", "file")):
        told = shell(host, f"{swap.replace('{}', put)}; walk {home}/f && go_private 2>/dev/null && echo entered")
        assert "entered" not in told, kind
        for name in ("away", "p"):
            subprocess.run(["rm", "-rf", str(home / name)], check=True)


@needs_root
def test_a_link_that_comes_in_between_is_not_read(host: Host, home: Path, victim: Path) -> None:
    """After the look at the way, before the file is read."""
    begin = f"PRIVATE=p PLACE={home}/f; walk {home}/f && go_private && ln -s {victim} ../f"
    told = shell(host, f"{begin} && hold; echo $?; [ ! -f ./held ] || [ -h ./held ]")
    assert told == f"{home}/f: a link in a directory that others may write is not followed\n1\n"


SWAPPER = """
while :; do
    for NAME in {home}/app.conf {home}/sub {home}/.capra.*; do
        case $NAME in *'*') continue ;; esac
        mv -T "$NAME" {home}/away 2>/dev/null
        case $NAME in
        */app.conf) ln -s {victim} "$NAME" 2>/dev/null ;;
        *) ln -s {elsewhere} "$NAME" 2>/dev/null ;;
        esac
        rm -f "$NAME" 2>/dev/null
        mv -T {home}/away "$NAME" 2>/dev/null
        rm -rf {home}/away 2>/dev/null
    done
done
"""


@pytest.fixture
def swapping(host: Host, home: Path, victim: Path) -> Iterator[Path]:
    """A process of the other user that puts links in the place of all in its directory. Yields where they lead."""
    elsewhere = host.work / "elsewhere"
    elsewhere.mkdir()
    for name in ("app.conf", "profile"):
        (elsewhere / name).write_bytes(b"root's")
    host.base.mkdir(mode=0o700, exist_ok=True)
    text = SWAPPER.format(home=home, victim=victim, elsewhere=elsewhere)
    process = subprocess.Popen(
        ["dash", "-c", text],
        user=OTHER,
        group=OTHER,
        cwd="/",
        stdin=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    yield elsewhere
    assert process.poll() is None, "the other user has given up"
    # With the tool that it runs just now, which would still move something.
    os.killpg(process.pid, signal.SIGKILL)
    process.wait(60)
    wait_for(lambda: not group_lives(process.pid))


@needs_root
@pytest.mark.parametrize("seconds", [6])
def test_links_that_come_at_any_moment(host: Host, home: Path, victim: Path, swapping: Path, seconds: float) -> None:
    """Write, append, undo and restore, for some time, against somebody who swaps. Each may fail, and nothing else."""
    elsewhere = tree(swapping)
    end = time.monotonic() + seconds
    number = 0
    # A busy machine gets two rounds, too.
    while number < 2 or time.monotonic() < end:
        number += 1
        host.run(write(home / "app.conf", b"x%d" % number, owner=str(OTHER), mode="0666"), run_id=f"a{number}")
        host.run(append(home / "app.conf", b"y", owner=str(OTHER)), run_id=f"b{number}")
        host.run(write(home / "sub/app.conf", b"z", owner=str(OTHER), mode="0666"), run_id=f"c{number}")
        host.run({"kind": "forget"}, run_id=f"cleanup{number}")
        assert untouched(victim)
        assert tree(swapping) == elsewhere
    assert number > 1


@needs_root
def test_owner_and_mode_are_set_before_the_name_is_visible(one_host: Host) -> None:
    """And a file that a cleanup puts back has them, too. Until then it lies in a directory that nobody can foresee or
    enter."""
    host, noted = one_host, one_host.root / "noted"
    renames = host.root / "bin" / "mv"
    renames.write_text(
        "#!/bin/sh\n"
        'for one in "$@"; do\n'
        f'    case $one in ./*) echo "$one $(stat -c "%a %u" "$one") $(stat -c "%a %u" .) $(pwd)" >>{noted} ;; esac\n'
        "done\n"
        f'exec {shutil.which("mv")} "$@"\n'
    )
    renames.chmod(0o755)
    target = host.work / "profile"
    target.write_bytes(b"root's")
    target.chmod(0o604)
    host.finished(
        write(target, b"new", mode="0640", owner=str(OTHER)),
        write(host.work / "other", b"x", mode="0600", owner=str(OTHER)),
        append(target, b" and more"),
    )
    host.finished({"kind": "forget"}, run_id="cleanup")
    assert (target.read_bytes(), mode(target), target.stat().st_uid) == (b"root's", 0o604, 0)
    lines = [line.split() for line in noted.read_text().splitlines() if line.startswith(("./profile", "./other"))]
    assert [(name, rights, int(owner)) for name, rights, owner, *_ in lines] == [
        ("./profile", "640", OTHER),
        ("./other", "600", OTHER),
        ("./profile", "640", OTHER),
        # What was appended is taken back first.
        ("./profile", "640", OTHER),
        ("./profile", "604", 0),
    ]
    places = [Path(place) for *_, place in lines]
    assert all(re.fullmatch(r"\.capra\.[0-9a-f-]{36}", place.name) for place in places)
    assert len(set(places)) == len(places)
    assert {(rights, owner) for *_, rights, owner, _ in lines} == {("700", "0")}


@needs_root
def test_one_look_at_all_directories_tells_what_a_look_at_each_does(one_host: Host) -> None:
    """The quick way to a path and the slow one end at the same place, or both refuse."""
    work, base = one_host.work, one_host.root
    for name in ("own/a b/c", "theirs/a", "shared/a", "group/a"):
        (work / name).mkdir(parents=True)
    (work / "own/file").write_bytes(b"1")
    (work / "own/link").symlink_to(work / "own/a b")
    (work / "own/a b/last").symlink_to(work / "own/file")
    (work / "own/dead").symlink_to(work / "nowhere")
    os.chown(work / "theirs", OTHER, OTHER)
    (work / "shared").chmod(0o1777)
    (work / "group").chmod(0o775)
    paths = [
        *("own", "own/file", "own/new", "own/new/x/y", "own/a b/c/new", "own/link/c/new", "own/a b/last", "own/dead"),
        *("own/dead/x", "own/file/x", "own/./file", "own/../own/file", "own//file", "own/new/../x", "own/new\nline"),
        *("theirs/new", "theirs/a/new", "shared/new", "shared/a/new/x", "group/a/new", "none/at/all"),
    ]
    whole = [str(work / path) if "/." not in path and "//" not in path else f"{work}/{path}" for path in paths]
    tell = 'walk "$1" $2 >"$3/said"; echo "$? $HERE $TRUST $MISSING $NAME $(pwd -P)"; cat "$3/said"'
    for path, stay in [(path, stay) for path in [*whole, "/", "/x"] for stay in ("", "stay")]:
        told = []
        for way in ("", "walk_straight() { return 1; }"):
            script = f"{programs.text(programs.DETACHED)}\n{way}\n{tell}"
            argv = [*SHELLS[one_host.shell], "-c", script, "x", path, stay, str(base)]
            told.append(subprocess.run(argv, capture_output=True, text=True, check=False).stdout)
        assert told[0] == told[1], (path, stay)
        # Only what the way leads to counts where it was refused.
        assert told[0]
