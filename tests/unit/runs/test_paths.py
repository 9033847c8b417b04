"""Where the collection is, and where private directories go."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

import pytest

import capra
from capra.errors import Fatal
from capra.runs import paths


def test_the_collection_is_the_checkouts_or_the_packages(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert (paths.collections_path() / paths.COLLECTION / "playbooks" / "bootstrap.yml").is_file()
    package = tmp_path / "lib" / "site" / "capra"
    (package / "ansible" / paths.COLLECTION / "playbooks").mkdir(parents=True)
    monkeypatch.setattr(capra, "__file__", str(package / "__init__.py"))
    assert paths.collections_path() == package / "ansible"


def test_a_package_without_a_collection_is_broken(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(capra, "__file__", str(tmp_path / "a" / "b" / "capra" / "__init__.py"))
    with pytest.raises(Fatal, match="is not beside the package") as raised:
        paths.collections_path()
    assert raised.value.reason == "BrokenInstallation"


def test_secrets_go_to_memory_where_there_is_such_a_place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path))
    assert paths.private_base() == tmp_path
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path / "missing"))
    assert paths.private_base() in {Path("/dev/shm"), Path(tempfile.gettempdir())}


def test_what_ansible_calls_is_there() -> None:
    assert paths.BOUNDED_SSH.is_file()
    assert os.access(paths.ASKPASS, os.X_OK)
    assert (paths.ANSIBLE_HOME / "ansible.cfg").is_file()
