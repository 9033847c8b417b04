"""The cases in tests/cases/bootstrap: data and options → steps, or an error.

A case has `data` (text), `base64` (bytes), `file` (one entry of write_files) or `yaml` (a scalar for its
permissions), perhaps `format` and `options` of `read`, and either `steps` and perhaps `notes`, `mode` or an error: its
`field`, what the message `contains`, and what it `hides`. A step with `script` is a program of Capra's own with its
`variables`; those of `user` that are not named have their defaults. Every case runs with both parsers of PyYAML.
"""

import base64
from pathlib import Path
from typing import Any

import pytest
import yaml

from capra.bootstrap import RunCommand, Step, WriteFile, read
from capra.bootstrap.host_script import host_script
from capra.bootstrap.modules.users import settings
from capra.bootstrap.reading import strict_yaml
from capra.errors import InputError
from tests.support.bootstrap_data import parse

DIRECTORY = Path(__file__).parents[2] / "cases" / "bootstrap"
CASES = [
    pytest.param(case, id=f"{path.stem}: {case['name']}")
    for path in sorted(DIRECTORY.glob("*.yaml"))
    for case in yaml.safe_load(path.read_text())
]
BEFORE = {"accounts/user": ("path", "accounts/login"), "accounts/authorized_keys": ("path",)}
USER = {**dict.fromkeys(settings.FIELDS, ""), "lock_passwd": "1", "create_groups": "1"}


def data_of(case: dict[str, Any]) -> bytes:
    if "base64" in case:
        return base64.b64decode(case["base64"])
    if "file" in case:
        return yaml.safe_dump({"write_files": [case["file"]]}).encode()
    if "yaml" in case:
        return f"write_files:\n  - path: /a\n    permissions: {case['yaml']}\n".encode()
    return str(case["data"]).encode()


def expected_step(step: dict[str, Any]) -> Step:
    if "run" in step:
        return RunCommand(step["run"], source=step["source"], name=step.get("name", ""))
    if "script" in step:
        variables = {**(USER if step["script"] == "accounts/user" else {}), **step["variables"]}
        if step["script"] == "accounts/group":
            variables = {"gid": "", "system": "", **variables}
        before = BEFORE.get(step["script"], ())
        return host_script(step["script"], step["source"], step["title"], variables, before=before)
    return WriteFile(
        path=step["write"],
        content=base64.b64decode(step["base64"]) if "base64" in step else step["content"].encode(),
        mode=step.get("mode", "0644"),
        owner=step.get("owner", ""),
        append=step.get("append", False),
        source=step.get("source", "write_files[0]"),
    )


@pytest.fixture(params=["with libyaml", "pure Python"])
def _parser(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    if request.param == "pure Python":
        monkeypatch.setattr(strict_yaml, "LOADER", strict_yaml.loader_class(yaml.SafeLoader))


@pytest.mark.usefixtures("_parser")
@pytest.mark.parametrize("case", CASES)
def test_case(case: dict[str, Any]) -> None:
    options = {"subject": "Secret x", "format": case.get("format", "cloud-config"), **case.get("options", {})}
    if "steps" in case:
        found = read(data_of(case), **options)
        assert found.steps == tuple(expected_step(step) for step in case["steps"])
        assert found.notes == tuple(case.get("notes", found.notes))
        return
    if "mode" in case:
        assert [step.mode for step in parse(data_of(case)) if isinstance(step, WriteFile)] == [case["mode"]]
        return
    error = case.get("error") or {
        "field": "write_files[0].permissions",
        "contains": case["permissions_error"],
        "hides": ["hunter2"],
    }
    with pytest.raises(InputError) as raised:
        parse(data_of(case), **options)
    assert (raised.value.subject, raised.value.field) == ("Secret x", error.get("field", ""))
    assert str(raised.value).startswith("Secret x: ")
    assert [part for part in error["contains"] if part not in str(raised.value)] == []
    assert [secret for secret in error.get("hides", ()) if str(secret) in str(raised.value)] == []
