"""The collection that `make collection` builds, in environments that hold what it states and nothing else."""

from __future__ import annotations

import ast
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from packaging.requirements import Requirement

from tests.support.bare_ansible import make_environment, oldest_ansible_core
from tests.support.installed_collections import ROOT, install_collection, requirements
from tests.support.ssh_keys import new_ssh_key

MACHINES = """
apiVersion: infrastructure.cluster.x-k8s.io/v1beta2
kind: RemoteMachine
metadata: {name: m}
spec: {address: 192.0.2.1, sshKeyRef: {name: key}}
"""
MODULES = {"yaml": "PyYAML", "jinja2": "Jinja2", "pydantic_core": "pydantic"}
"""Modules whose distributions have another name."""

OF_ANSIBLE_CORE = {"ansible", "PyYAML", "Jinja2", "cryptography", "packaging"}
"""ansible-core itself, and what it requires."""


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return install_collection(tmp_path_factory.mktemp("collection"))


def _run(python: Path, installed: Path, place: Path, *words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [python, "-m", "ansible", *words],
        capture_output=True,
        text=True,
        check=False,
        cwd=place,
        env={"PATH": os.environ["PATH"], "HOME": str(place), "ANSIBLE_COLLECTIONS_PATH": str(installed)},
    )


def _inventory(place: Path) -> None:
    secret = {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "key"}, "stringData": {"value": new_ssh_key()}}
    (place / "machines.yaml").write_text(f"{MACHINES}---\n{yaml.safe_dump(secret)}")
    options = {"plugin": "capra.machine.remote_machines", "manifests": ["machines.yaml"]}
    (place / "remotemachines.yml").write_text(json.dumps(options))


def test_the_inventory_plugin_needs_what_its_requirements_say(installed: Path, tmp_path: Path) -> None:
    _inventory(tmp_path)
    python = make_environment(tmp_path / "environment", ["ansible-core", *requirements()])
    done = _run(python, installed, tmp_path, "inventory", "-i", "remotemachines.yml", "--list")
    assert list(json.loads(done.stdout)["_meta"]["hostvars"]) == ["m"], done.stderr


@pytest.mark.nightly
def test_no_value_is_a_template_for_the_oldest_ansible_core(installed: Path, tmp_path: Path) -> None:
    """Since 2.19 a text is a template only if somebody says so; before, every text of an inventory was."""
    python = oldest_ansible_core(tmp_path / "environment", requirements())
    evil = f"{{{{ lookup('pipe', 'touch {tmp_path}/carried-out') }}}}"
    machine = yaml.safe_load(MACHINES)
    machine["metadata"]["labels"] = {"said": evil}
    del machine["spec"]["sshKeyRef"]
    (tmp_path / "machines.yaml").write_text(yaml.safe_dump(machine))
    options = {"plugin": "capra.machine.remote_machines", "manifests": ["machines.yaml"]}
    composed = {"compose": {"made": "capra_labels.said"}}
    (tmp_path / "remotemachines.yml").write_text(json.dumps(options | composed))
    show = ("-m", "debug", "-a", "msg={{ capra_labels.said }}{{ made }}")
    done = _run(python, installed, tmp_path, "adhoc", "-i", "remotemachines.yml", "all", *show)
    assert done.returncode == 0, done.stdout + done.stderr
    assert json.loads(done.stdout.partition("=>")[2])["msg"] == 2 * evil
    assert not (tmp_path / "carried-out").exists()


def test_without_them_it_says_so(installed: Path, tmp_path: Path) -> None:
    _inventory(tmp_path)
    python = make_environment(tmp_path / "environment", ["ansible-core"])
    done = _run(python, installed, tmp_path, "inventory", "-i", "remotemachines.yml", "--list")
    said = " ".join(done.stderr.split())
    assert "cannot be used: No module named 'pydantic'; install what requirements.txt of the collection says" in said


def test_requirements_are_those_of_the_package() -> None:
    text = (ROOT / "pyproject.toml").read_text()
    for one in requirements():
        assert f'"{one}"' in text, one


def test_every_import_is_of_ansible_core_or_required(installed: Path) -> None:
    known = OF_ANSIBLE_CORE | {Requirement(one).name for one in requirements()}
    found = set()
    for file in (installed / "ansible_collections" / "capra" / "machine").rglob("*.py"):
        for node in ast.walk(ast.parse(file.read_text())):
            names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            names += [node.module or ""] if isinstance(node, ast.ImportFrom) else []
            found |= {name.partition(".")[0] for name in names}
    others = found - sys.stdlib_module_names - {"ansible_collections"}
    assert {MODULES.get(name, name) for name in others} <= known


@pytest.mark.parametrize(
    ("kind", "names"),
    [
        ("module", ["steps", "preflight"]),
        (
            "filter",
            ["bootstrap_steps", "bootstrap_run_id", "bootstrap_planned_steps", "cleanup_changed", "cleanup_steps"],
        ),
        ("inventory", ["remote_machines"]),
        ("role", [role.name for role in sorted((ROOT / "roles").iterdir())]),
    ],
)
def test_everything_has_documentation(installed: Path, tmp_path: Path, kind: str, names: list[str]) -> None:
    full = [f"capra.machine.{name}" for name in names]
    done = _run(Path(sys.executable), installed, tmp_path, "doc", "-t", kind, "--json", *full)
    assert done.returncode == 0, done.stderr
    documented = json.loads(done.stdout)
    assert set(documented) == set(full)
    listed = _run(Path(sys.executable), installed, tmp_path, "doc", "-t", kind, "--list", "--json", "capra.machine")
    assert set(json.loads(listed.stdout)) >= set(full)


def test_ansible_builder_finds_what_an_execution_environment_needs(installed: Path, tmp_path: Path) -> None:
    """The context of the image. To build it takes a registry, and is not done here."""
    shutil.copy2(ROOT / "execution-environment.yml", tmp_path)
    build: list[str | Path] = [sys.executable, ROOT / "scripts" / "collection.py", "--output", tmp_path / "out"]
    subprocess.run(build, check=True, capture_output=True)
    program = Path(sys.executable).parent / "ansible-builder"
    done = subprocess.run(
        [program, "create", "-c", "context"], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    context = tmp_path / "context" / "_build"
    [wanted] = yaml.safe_load((context / "requirements.yml").read_text())["collections"]
    assert (context / Path(wanted["name"]).relative_to("/build")).is_file()
    introspect: list[str | Path] = [sys.executable, context / "scripts" / "introspect.py", "introspect", installed]
    found = subprocess.run(introspect, capture_output=True, text=True, check=True)
    told = yaml.safe_load(found.stdout.replace("---", ""))
    assert [one.partition("  #")[0] for one in told["python"]] == requirements()
    assert "openssh-clients [platform:rpm]" in [one.partition("  #")[0] for one in told["system"]]
