"""`make release` refuses in one sentence, before it builds anything."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from scripts.release import __main__ as command
from scripts.release import image
from scripts.release.command import ReleaseError

ROOT = Path(__file__).resolve().parents[3]


@pytest.mark.parametrize("version", ["", "0.1.0", "latest"])
def test_a_version_that_is_none(version: str, tmp_path: Path) -> None:
    words = ["make", "--silent", "-o", "venv", "release", f"VERSION={version}", f"PYTHON={sys.executable}"]
    environment = {**os.environ, "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}"}
    done = subprocess.run(words, cwd=ROOT, env=environment, capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode != 0
    assert done.stderr.splitlines()[0] == (
        f"release: VERSION={version} is no semantic version with a v: give one like VERSION=v0.2.0"
    )


def test_an_output_that_is_something_else_stays(tmp_path: Path) -> None:
    (tmp_path / "mine").mkdir()
    assert command._output(tmp_path / "mine") == tmp_path / "mine"
    (tmp_path / "mine" / "file").write_text("mine")
    with pytest.raises(ReleaseError, match="is there, and is no release"):
        command._output(tmp_path / "mine")
    (tmp_path / "mine" / "SHA256SUMS").write_text("")
    assert command._output(tmp_path / "mine") == tmp_path / "mine"


def test_an_architecture_that_cannot_be_built_is_told(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(image, "runs", lambda architecture: architecture == "amd64")
    assert command._architectures(None) == ["amd64"]
    assert "NOT BUILT: the image for arm64" in capsys.readouterr().err
    with pytest.raises(ReleaseError, match="no image for arm64"):
        command._architectures(["arm64"])


@pytest.mark.parametrize(
    ("registered", "able"),
    [
        ("enabled\ninterpreter /usr/bin/qemu\nflags: F\noffset 0\n", True),
        ("enabled\ninterpreter /usr/bin/qemu\nflags: POCF\noffset 0\n", True),
        ("enabled\ninterpreter /usr/bin/qemu-F\nflags: \noffset 0\n", False),
        ("disabled\ninterpreter /usr/bin/qemu\nflags: F\noffset 0\n", False),
        (None, False),
    ],
)
def test_what_the_kernel_runs_by_qemu(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, registered: str | None, able: bool
) -> None:
    monkeypatch.setattr("platform.machine", lambda: "x86_64")
    monkeypatch.setattr(image, "BINFMT", tmp_path / "qemu-aarch64")
    if registered is not None:
        (tmp_path / "qemu-aarch64").write_text(registered)
    assert image.runs("arm64") is able
    assert image.runs("amd64")
