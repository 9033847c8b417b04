"""The programs that get, install and start k0s, and that answer for it, under each shell that hosts have."""

from __future__ import annotations

import os
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.component.programs.host import SHELLS
from tests.missing import missing

ROOT = Path(__file__).parents[3]
SCRIPTS = ROOT / "provider" / "capra" / "clusters" / "scripts"
ASK = ROOT / "plugins" / "plugin_utils" / "k0s" / "ask.sh"
VERSION = "v1.34.4+k0s.0"
K0S = """#!/bin/sh
# Its state is files beside it: services, running, refuses.
here=${0%/*}
echo "$*" >> "$here/calls"
if [ -e "$here/refuses" ]; then echo "Error: refused" >&2; exit 1; fi
case $1 in
version) cat "$here/version" ;;
install) case "$*" in *--force*) ;; *) [ ! -e "$here/etc/systemd/system/k0s$2.service" ] || exit 1 ;; esac
    echo "$*" > "$here/etc/systemd/system/k0s$2.service" ;;
start) if [ -e "$here/running" ]; then echo "Error: already running" >&2; exit 1; fi
    if [ -e "$here/dies" ]; then cat "$here/dies" >> "$here/var/log/k0sworker.log"; else : > "$here/running"; fi ;;
stop) rm -f "$here/running" ;;
status) [ -e "$here/running" ] ;;
kubectl) printf ok ;;
token) echo TOKEN ;;
esac
"""


@dataclass
class Host:
    """A directory in place of a host's root, and a shell."""

    root: Path
    shell: list[str]

    @property
    def k0s(self) -> Path:
        """The program."""
        return self.root / "k0s"

    def calls(self, word: str) -> list[str]:
        """Its calls with this first word."""
        log = self.root / "calls"
        return [call for call in log.read_text().splitlines() if call.split()[0] == word] if log.exists() else []

    def moved(self, text: str) -> str:
        """A program with its paths below the root."""
        for place in ("/etc/", "/run/", "/var/lib/capra", "/var/log/"):
            text = text.replace(place, f"{self.root}{place}")
        return text

    def run(self, name: str, *words: str, code: int = 0, **variables: str) -> subprocess.CompletedProcess[str]:
        """One of the scripts."""
        values = {"binary": str(self.k0s), "role": "worker", "data": str(self.root / "data"), **variables}
        lines = [f"{key}='{value}'\n" for key, value in values.items()]
        quoted = " ".join(f"'{word}'" for word in words)
        text = "".join(
            [*lines, f"set -- {quoted}\n", *(SCRIPTS.joinpath(f"{one}.sh").read_text() for one in ("common", name))]
        )
        return self._sh(self.moved(text), code)

    def ask(self, question: str, code: int = 0, **variables: str) -> list[str]:
        """What the questioner prints."""
        values = {
            "binary": str(self.k0s),
            "data": "/data",
            "role": "worker",
            "expiry": "1h",
            "owner": "- -",
            **variables,
        }
        lines = "".join(f"{key}='{value}'\n" for key, value in ({"question": question} | values).items())
        return self._sh(lines + self.moved(ASK.read_text()), code).stdout.splitlines()

    def _sh(self, text: str, code: int) -> subprocess.CompletedProcess[str]:
        path = f"{self.root / 'bin'}:{os.environ['PATH']}"
        done = subprocess.run(
            self.shell, input=text, capture_output=True, text=True, timeout=60, env={"PATH": path}, check=False
        )
        assert done.returncode == code, done.stdout + done.stderr
        return done


@pytest.fixture(params=sorted(SHELLS))
def host(request: pytest.FixtureRequest, tmp_path: Path) -> Host:
    if shutil.which(SHELLS[request.param][0]) is None:
        missing(f"{request.param}: it is not installed")
    for place in ("etc/systemd/system", "run", "var/lib/capra", "bin", "data"):
        (tmp_path / place).mkdir(parents=True)
    made = Host(tmp_path, SHELLS[request.param])
    (tmp_path / "version").write_text(f"{VERSION}\n")
    made.k0s.write_text(K0S)
    made.k0s.chmod(0o755)
    return made


def downloads(host: Host, what: str, fails: bool = False) -> None:
    """A curl that notes its last argument, and writes what is to come."""
    (host.root / "new").write_text(what)
    curl = host.root / "bin" / "curl"
    body = (
        "exit 22"
        if fails
        else f'for word; do case $before in --output) cp {host.root}/new "$word" ;; esac; before=$word; done'
    )
    curl.write_text(f'#!/bin/sh\nbefore=\nfor word; do :; done; echo "$word" > {host.root}/url\nbefore=\n{body}\n')
    curl.chmod(0o755)


URL = "https://h/k0s-{architecture}"


def test_the_wanted_version_is_not_downloaded_again(host: Host) -> None:
    downloads(host, "", fails=True)
    host.run("get", version=VERSION, url=URL)
    assert not (host.root / "url").exists()


def test_another_version_is_replaced_as_a_whole(host: Host) -> None:
    downloads(host, f"#!/bin/sh\necho {VERSION}\n")
    (host.root / "version").write_text("v1.33.0+k0s.0\n")
    host.run("get", version=VERSION, url=URL)
    assert subprocess.check_output([host.k0s, "version"], text=True) == f"{VERSION}\n"
    architecture = (host.root / "url").read_text().strip().rpartition("-")[2]
    assert architecture in ("amd64", "arm64", "arm", "riscv64")
    assert not host.k0s.with_name("k0s.capra-new").exists()


def test_what_is_not_the_version_never_becomes_the_program(host: Host) -> None:
    downloads(host, "#!/bin/sh\necho v9\n")
    (host.root / "version").write_text("v1.33.0+k0s.0\n")
    done = host.run("get", version=VERSION, url=URL, code=1)
    assert f"is not {VERSION}, but says: v9" in done.stderr
    assert subprocess.check_output([host.k0s, "version"], text=True) == "v1.33.0+k0s.0\n"
    downloads(host, "", fails=True)
    assert (
        "k0s: it cannot be downloaded from https://h/k0s-" in host.run("get", version=VERSION, url=URL, code=1).stderr
    )


def test_a_k0s_that_is_to_be_there(host: Host) -> None:
    host.run("get", version="", url="")
    host.k0s.unlink()
    assert "is not there: put the program there" in host.run("get", version="", url="", code=1).stderr


JOINING: dict[str, Any] = {"link": "/etc/k0s/link", "token": "/run/capra-join/token"}


def test_a_service_of_somebody_else_is_left_alone(host: Host) -> None:
    (host.root / "etc/systemd/system/k0scontroller.service").touch()
    done = host.run("install", "--debug", code=1, **JOINING)
    assert done.stderr == "k0s: a service of k0s is installed on this host already; clean the host first\n"
    assert host.calls("install") == []


def test_an_install_that_was_cut_off_is_made_again(host: Host) -> None:
    host.run("install", "--debug", **JOINING)
    host.run("install", "--debug", "--more", **JOINING)
    assert host.calls("install") == ["install worker --debug", "install worker --debug --more --force"]
    assert os.readlink(host.root / "etc/k0s/link") == f"{host.root}/run/capra-join/token"


def test_a_start_waits_for_the_join_and_leaves_no_token(host: Host) -> None:
    host.run("install", **JOINING)
    (host.root / "run/capra-join").mkdir()
    (host.root / "run/capra-join/token").write_text("SECRET")
    late = host.run("start", seconds="1", code=1, **JOINING)
    assert "k0s: it has failed to answer within 1 s" in late.stderr
    assert (host.root / "run/capra-join/token").exists()
    (host.root / "data/kubelet.conf").touch()
    host.run("start", seconds="1", **JOINING)
    host.run("start", seconds="1", **JOINING)
    link = host.root / "etc/k0s/link"
    assert not link.is_symlink()
    assert link.read_text() == "# removed by capra after the join\n"
    assert not (host.root / "run/capra-join").exists()
    assert not (host.root / "etc/k0s/capra-installing").exists()


def test_a_controller_is_ready_when_its_api_is(host: Host) -> None:
    host.run("start", role="controller", link="", token="", seconds="5")
    assert host.calls("kubectl") == ["kubectl get --raw=/readyz"]
    (host.root / "running").unlink()
    (host.root / "refuses").touch()
    done = host.run("start", role="controller", link="", token="", seconds="1", code=1)
    assert "k0s: it has failed to answer within 1 s; k0s start: Error: refused; the log" in done.stderr


def test_a_service_that_ends_again_and_again_is_given_up(host: Host) -> None:
    """Within seconds, with what its log has said meanwhile, but for a join token."""
    log = host.root / "var/log/k0sworker.log"
    log.parent.mkdir()
    log.write_text("Error: of last week\n")
    (host.root / "dies").write_text('level=error msg="no etcd"\nlevel=info msg=bye\n')
    done = host.run("start", seconds="300", code=1, **JOINING)
    assert len(host.calls("start")) == 6
    told = 'the log of the service k0sworker says: level=error msg="no etcd"'
    assert done.stderr == f"k0s: it has failed: its service ended 5 times; {told}\n"
    (host.root / "run/capra-join").mkdir()
    (host.root / "run/capra-join/token").write_text("SECRET\n")
    (host.root / "dies").write_text("Error: bad token SECRET\n")
    done = host.run("start", seconds="300", code=1, **JOINING)
    assert done.stderr == "k0s: it has failed: its service ended 5 times; the log of the service k0sworker tells more\n"


def test_a_service_that_cannot_be_started_is_given_up(host: Host) -> None:
    (host.root / "refuses").touch()
    done = host.run("start", seconds="300", code=1, **JOINING)
    assert "k0s: it has failed: its service cannot be started; k0s start: Error: refused; the log" in done.stderr
    assert done.stdout == "k0s: it does not answer yet, after 10 of 300 s; k0s start: Error: refused\n"


def test_an_answer_stands_between_marks(host: Host) -> None:
    assert host.ask("token") == ["", "capra begin", "answer", "TOKEN", "capra end"]
    assert host.calls("token") == ["token create --role=worker --expiry=1h --data-dir=/data"]
    (host.root / "refuses").touch()
    assert host.ask("token", code=1) == ["", "capra begin", "failed it ended with status 1", "capra end"]
    host.k0s.unlink()
    assert host.ask("nodes", code=1)[2] == f"failed {host.k0s} is not there"


def test_a_token_comes_where_it_is_needed_only(host: Host) -> None:
    token = host.root / "run/capra-join/token"
    assert host.ask("join", token="SECRET")[2] == "done it is there"
    assert (token.read_text(), token.stat().st_mode & 0o777) == ("SECRET\n", 0o600)
    assert token.parent.stat().st_mode & 0o777 == 0o700
    token.unlink()
    claim = host.root / "var/lib/capra/claim"
    claim.write_text("claim 1 - default/other 0\n")
    assert host.ask("join", token="SECRET", owner="- default/mine")[2] == "done another machine uses the host"
    assert not token.exists()
    claim.write_text("claim 1 - default/mine 0\n")
    assert host.ask("join", token="SECRET", owner="- default/mine")[2] == "done it is there"
    token.unlink()
    (host.root / "etc/k0s").mkdir()
    (host.root / "etc/k0s/capra-join-token").write_text("# removed\n")
    assert host.ask("join", token="SECRET", owner="- default/mine")[2] == "done it has joined already"
    assert not token.exists()
