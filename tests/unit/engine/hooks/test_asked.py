"""The value of the annotation `run-playbook`: what is accepted, and what is told of the rest."""

from __future__ import annotations

import pytest

from capra.engine.hooks.asked import FIELD, MAX_CHARACTERS, read_asked
from capra.model.machine import Hook, TextSource

SITE = TextSource("ConfigMap", "site", "playbook.yml")


@pytest.mark.parametrize("value", ["site", "site\n", "'site'", "  site  # twice a year"])
def test_a_word_is_the_name_of_a_config_map(value: str) -> None:
    asked, hook = read_asked(value)
    assert (asked.name, asked.check, asked.serial, asked.problem) == ("site", False, 0, None)
    assert hook == Hook("site", SITE)


def test_a_name_that_looks_like_a_number_is_one() -> None:
    assert read_asked("123")[0].name == "123"


def test_a_mapping_has_the_fields_of_a_hook() -> None:
    value = """
name: patch
playbook: {secretRef: {name: site, key: patch.yml}}
variables: {secretRef: {name: values}}
collections: [community.general]
check: true
serial: 2
"""
    asked, hook = read_asked(value)
    assert (asked.name, asked.check, asked.serial, asked.problem) == ("patch", True, 2, None)
    variables = TextSource("Secret", "values", "variables.yml")
    assert hook == Hook("patch", TextSource("Secret", "site", "patch.yml"), variables, ("community.general",))


NAME = "name: a\nplaybook: {configMapRef: {name: a}}\n"


@pytest.mark.parametrize(
    ("value", "field", "problem"),
    [
        (
            "",
            "",
            "must be the name of a ConfigMap with the key 'playbook.yml', or a mapping with `name` and `playbook`",
        ),
        ("a.b", "", "must be the name of a ConfigMap"),
        ("Site", "", "a name alone has lower-case letters, digits and dashes"),
        ("[site]", "", "must be the name of a ConfigMap"),
        ("name: a", ".playbook", "is required"),
        ("name: a\nplaybook: {configMapRef: {name: a}, file: b}", ".playbook", "exactly one of"),
        ("name: a\nplaybok: {}", "", "playbook is required; playbok"),
        (NAME + "check: maybe", ".check", "must be true or false, but is text"),
        (NAME + "serial: -1", ".serial", "must be from 0, for all machines at once, to 10000"),
        (NAME + "serial: two", ".serial", "must be a whole number, but is text"),
        (NAME + "collections: [general]", ".collections[0]", "must be the name of a collection of Ansible"),
        (NAME + "name: b", "", "line 3: the key name already stands on line 1"),
        ("a: [", "", "is not valid YAML: line 2"),
        ("a: !!int hush", "", "is not valid YAML: a number or a date cannot be read"),
        ("--- a\n--- b\n", "", "a second YAML document starts"),
        ("{a: " * 20 + "b" + "}" * 20, "", "nested deeper than 8 levels"),
        ("x" * (MAX_CHARACTERS + 1), "", f"is {MAX_CHARACTERS + 1} characters long; at most {MAX_CHARACTERS}"),
        ("[" + "a," * 200 + "]", "", "too large: at most 100 values"),
    ],
)
def test_what_is_wrong_is_named(value: str, field: str, problem: str) -> None:
    asked, hook = read_asked(value)
    assert hook is None
    assert asked.problem is not None
    assert (asked.problem.field, asked.problem.reason) == (FIELD + field, "InvalidHook")
    assert problem in asked.problem.message
    assert "hush" not in asked.problem.message
