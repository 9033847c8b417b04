"""cloud-init's modules: what holds for every value, bounds, and the table of the reference."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from capra.bootstrap import RunCommand, read
from capra.bootstrap.cloud_config import ASKS_NOTHING, KEYS, MODULES, NOT_DONE
from capra.bootstrap.modules.users import user
from capra.errors import InputError
from tests.support.bootstrap_data import parse

REFERENCE = Path(__file__).parents[3] / "docs" / "reference" / "bootstrap-data.md"
SCRIPTS = Path(__file__).parents[3] / "provider" / "capra" / "bootstrap" / "scripts"
CERTIFICATE = "-----BEGIN CERTIFICATE-----\nQUFB\n-----END CERTIFICATE-----\n"
KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJ4fT7R3Vx6ahSHXU2oG6qQyRW8hVYfNqkPCDV5oXzZs"
ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=20) | st.dates(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=10), inner, max_size=3),
    max_leaves=6,
)
NAMED = st.sampled_from([key for keys, _ in MODULES for key in keys] + list(NOT_DONE))
USER_KEYS = st.sampled_from(user.KEYS)


def dumped(document: dict[str, Any]) -> bytes:
    return b"#cloud-config\n" + yaml.safe_dump(document, allow_unicode=True).encode()


@settings(max_examples=300)
@given(document=st.dictionaries(NAMED, ANYTHING, max_size=3))
def test_any_value_is_read_or_refused_with_its_place(document: dict[str, Any]) -> None:
    _read_or_refused({**document, "runcmd": ["x"]})


@settings(max_examples=300)
@given(item=st.dictionaries(USER_KEYS, ANYTHING, max_size=4))
def test_any_setting_of_a_user_is_read_or_refused_with_its_place(item: dict[str, Any]) -> None:
    _read_or_refused({"users": [{"name": "x", **item}], "runcmd": ["x"]})


def _read_or_refused(document: dict[str, Any]) -> None:
    field = "runcmd[0]"
    try:
        field = read(dumped(document)).steps[-1].source
    except InputError as error:
        # A document that cannot be read at all has no field.
        field = error.field or ("the text" if "YAML" in str(error) else "")
    assert field.split("[")[0].split(".")[0] in (*KEYS, "the text")


@pytest.mark.parametrize("shell", [["dash"], ["bash", "--posix"], ["busybox", "sh"]], ids=["dash", "bash", "busybox"])
@pytest.mark.parametrize("path", sorted(SCRIPTS.rglob("*.sh")), ids=lambda path: path.stem)
def test_every_shell_can_read_every_program(shell: list[str], path: Path) -> None:
    done = subprocess.run([*shell, "-n", str(path)], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")


@settings(max_examples=30)
@given(comment=st.text(st.characters(exclude_categories=["C", "Z"], exclude_characters=":"), min_size=1, max_size=50))
def test_what_a_document_says_reaches_the_program_as_it_is(comment: str) -> None:
    [step] = parse(dumped({"users": [{"name": "x", "gecos": comment}]}))
    assert isinstance(step, RunCommand)
    assignments = step.command.split("set -uf\n")[0]
    done = subprocess.run(["sh"], input=f'{assignments}printf %s "$gecos"', capture_output=True, text=True, check=True)
    assert done.stdout == comment


@pytest.mark.parametrize(
    ("document", "field"),
    [
        ({"users": [f"u{number}" for number in range(257)]}, "users"),
        ({"groups": [f"g{number}" for number in range(257)]}, "groups"),
        ({"groups": {"g": [f"u{number}" for number in range(257)]}}, "groups.g"),
        ({"users": [{"name": "x", "groups": [f"g{number}" for number in range(257)]}]}, "users[0].groups"),
        ({"users": [{"name": "x", "sudo": ["ALL=ALL"] * 257}]}, "users[0].sudo"),
        ({"users": [{"name": "x", "ssh_authorized_keys": [KEY] * 257}]}, "users[0].ssh_authorized_keys"),
        ({"ntp": {"servers": ["a"] * 65}}, "ntp.servers"),
        ({"ca_certs": {"trusted": [CERTIFICATE] * 513}}, "ca_certs.trusted[512]"),
        ({"ca_certs": {"trusted": CERTIFICATE * 513}}, "ca_certs.trusted"),
        ({"packages": ["a"] * 1001}, "packages"),
    ],
)
def test_every_list_has_a_bound(document: dict[str, Any], field: str) -> None:
    with pytest.raises(InputError) as raised:
        parse(dumped(document))
    assert raised.value.field == field


def test_what_comes_from_the_document_is_told_apart_from_the_program() -> None:
    [step] = parse(dumped({"users": [{"name": "x", "hashed_passwd": "$6$salt$hash"}]}))
    assert isinstance(step, RunCommand)
    assert step.guarded == "hashed_passwd='$6$salt$hash'\n"
    assert step.guarded in step.command


def test_the_reference_has_every_key() -> None:
    table = REFERENCE.read_text().partition("\n## cloud-config\n")[2].partition("\n## ")[0]
    rows = re.findall(r"(?m)^\| (`[^|]*`) \| (\w+)[^|]* \|", table)
    told: dict[str, set[str]] = {"done": set(), "told": set(), "refused": set()}
    for keys, what in rows:
        told[what] |= set(re.findall(r"`([\w-]+)`", keys))
    assert told["done"] == set(KEYS) - set(NOT_DONE)
    assert told["told"] == set(NOT_DONE)
    assert not told["refused"] & set(KEYS)
    assert set(ASKS_NOTHING) - set(NOT_DONE) <= told["refused"]
