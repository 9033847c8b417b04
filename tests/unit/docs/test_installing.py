"""Nobody is told to install Capra from where its name is somebody else's."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[3]
FROM_AN_INDEX = re.compile(
    r"pip3? install\b[^\n`|;&]*?[ '\"]capra(?![\w.-]*\.whl)(?=[\[ '\"`=<>~]|$)|collection install capra\.machine\b",
    re.MULTILINE,
)


def texts() -> list[Path]:
    listed = subprocess.run(["git", "-C", ROOT, "ls-files", "-z"], capture_output=True, text=True, check=True).stdout
    mine = Path(__file__).resolve()
    return [ROOT / name for name in listed.split("\0") if name and ROOT / name != mine and (ROOT / name).is_file()]


def test_no_file_tells_to() -> None:
    found = [str(file) for file in texts() if FROM_AN_INDEX.search(file.read_text(errors="replace"))]
    assert found == []


@pytest.mark.parametrize(
    "text",
    [
        "run pip install capra",
        "pip install 'capra[controller]'",
        "`pip install --user capra`",
        "pip install capra==0.1.0",
        "ansible-galaxy collection install capra.machine",
    ],
)
def test_what_would_be_wrong(text: str) -> None:
    assert FROM_AN_INDEX.search(text)


@pytest.mark.parametrize(
    "text",
    [
        "pip install '.[controller]' in Capra's checkout",
        "pip install './capra-0.1.0-py3-none-any.whl[controller]'",
        "pip install . && capra status",
        "ansible-galaxy collection install capra-machine-0.1.0.tar.gz",
    ],
)
def test_what_is_right(text: str) -> None:
    assert not FROM_AN_INDEX.search(text)
