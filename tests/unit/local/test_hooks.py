"""Where a terminal finds the texts of hooks, and what it says of those that are not there."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

import pytest

from capra.errors import InputError
from capra.local.prepare import InputOptions, prepare
from capra.model.machine import Stage
from capra.model.observation import HookText
from tests.unit.local.examples import machine, secret, write, write_text

PLAYBOOK = "- hosts: all\n"


def _config_map(name: str = "site", **data: str) -> dict[str, Any]:
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name}, "data": data}


def _hook(**more: Any) -> dict[str, Any]:
    return {"name": "harden", "playbook": {"configMapRef": {"name": "site"}}, **more}


def _hooks(tmp_path: Path, hook: dict[str, Any], *others: dict[str, Any]) -> tuple[HookText, ...]:
    (tmp_path / "manifests").mkdir(exist_ok=True)
    one = machine(ansible={"beforeBootstrap": [hook], "beforeCleanUp": [_hook()]})
    file = write(tmp_path / "manifests", one, secret(), *others)
    prepared = prepare(InputOptions((file,)), need_bootstrap=False, stages=(Stage.BEFORE_BOOTSTRAP,))
    [found] = prepared.machines.values()
    observed = found.observe(found.machine, record=None, now=0.0)  # type: ignore[arg-type]  # nobody looks at it
    assert observed.hooks == found.hooks
    return found.hooks


def test_from_the_manifests(tmp_path: Path) -> None:
    hook = _hook(variables={"secretRef": {"name": "vars", "key": "v.yml"}}, collections=["a.b"])
    values = secret("vars", **{"v.yml": "a: hush"})
    digest = hashlib.sha256(PLAYBOOK.encode()).hexdigest()
    [found] = _hooks(tmp_path, hook, _config_map(**{"playbook.yml": PLAYBOOK}), values)
    assert found == HookText(
        Stage.BEFORE_BOOTSTRAP,
        "harden",
        PLAYBOOK,
        digest,
        {"a": "hush"},
        ("a.b",),
        "ConfigMap site with key 'playbook.yml'",
    )
    assert "hush" not in repr(found)
    [found] = _hooks(
        tmp_path, _hook(playbook={"secretRef": {"name": "book"}}), secret("book", **{"playbook.yml": PLAYBOOK})
    )
    assert found.secret


def test_a_file_is_beside_the_manifest(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "manifests").mkdir()
    write_text(tmp_path / "manifests", PLAYBOOK, "harden.yml")
    write_text(tmp_path / "manifests", "a: 1", "v.yml")
    monkeypatch.chdir(tmp_path)
    [found] = _hooks(tmp_path, _hook(playbook={"file": "harden.yml"}, variables={"file": "v.yml"}))
    assert (found.playbook, found.variables, found.source) == (PLAYBOOK, {"a": 1}, "file harden.yml")
    [found] = _hooks(tmp_path, _hook(playbook={"file": str(tmp_path / "manifests" / "harden.yml")}))
    assert found.playbook == PLAYBOOK


@pytest.mark.parametrize(
    ("hook", "others", "problem"),
    [
        (_hook(), [], "[0].playbook: ConfigMap site of namespace default is not in the files"),
        (
            _hook(),
            [_config_map(other=PLAYBOOK)],
            "[0].playbook: ConfigMap site must have the key 'playbook.yml', but has: other",
        ),
        (
            _hook(variables={"secretRef": {"name": "vars"}}),
            [_config_map(**{"playbook.yml": PLAYBOOK})],
            "[0].variables: Secret vars of namespace default is not in the files",
        ),
        (
            _hook(),
            [_config_map(**{"playbook.yml": "hush: hush"})],
            "[0]: ConfigMap site with key 'playbook.yml': must be a playbook, which is a list of plays",
        ),
        (
            _hook(variables={"secretRef": {"name": "vars"}}),
            [_config_map(**{"playbook.yml": PLAYBOOK}), secret("vars", **{"variables.yml": "- hush"})],
            "[0]: Secret vars with key 'variables.yml': must be a mapping of variables",
        ),
        (_hook(playbook={"file": "no.yml"}), [], "[0].playbook: "),
    ],
)
def test_what_is_wrong_names_its_place(
    tmp_path: Path, hook: dict[str, Any], others: list[dict[str, Any]], problem: str
) -> None:
    with pytest.raises(InputError) as caught:
        _hooks(tmp_path, hook, *others)
    assert f"machine.yaml: RemoteMachine default/node-0: spec.ansible.beforeBootstrap{problem}" in str(caught.value)
    assert "hush" not in str(caught.value)
    if "file" in hook["playbook"]:
        assert str(caught.value).endswith("no.yml cannot be read: No such file or directory")


def test_a_large_file_is_not_read(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"is larger than 1048576 bytes, and no more is read"):
        _hooks(tmp_path, _hook(playbook={"file": "/dev/zero"}))
