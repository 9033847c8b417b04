"""Texts of hooks: what is no playbook, or are no variables, is told before anything runs, and no value is."""

from __future__ import annotations

import json

import pytest

from capra.engine.hooks.texts import MAX_BYTES, read_playbook, read_variables
from capra.errors import InputError

PLAY = "- hosts: all\n  tasks: []\n"


@pytest.mark.parametrize(
    "text",
    [
        PLAY,
        "---\n# why\n" + PLAY + PLAY,
        "- import_playbook: a.b.c\n",
        "- ansible.builtin.import_playbook: a.b.c\n",
        "- hosts: all\n  vars:\n    a: !unsafe '{{ x }}'\n    b: !vault |\n      $ANSIBLE_VAULT;1.1;AES256\n",
        "\ufeff" + PLAY,
    ],
)
def test_playbooks(text: str) -> None:
    assert read_playbook(text.encode(), "x") == text.removeprefix("\ufeff")


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("", "must be a playbook, which is a list of plays"),
        ("[]", "must be a playbook, which is a list of plays"),
        ("hosts: all", "must be a playbook, which is a list of plays"),
        ("- name: hush\n  tasks: []\n", "play 1 (line 1) must have `hosts` or `import_playbook`"),
        (PLAY + "- hush\n", "play 2 (line 3) must have `hosts` or `import_playbook`"),
        ("- hosts: [hush", "is not valid YAML: line 2, column 1"),
        (PLAY + "---\n" + PLAY, "line 3: a second YAML document starts"),
        ("[" * 100, "line 1: nested deeper than 64 levels"),
        ("# " + "x" * MAX_BYTES, "is 1048578 bytes long; at most 1048576 are accepted"),
    ],
)
def test_what_is_no_playbook(text: str, problem: str) -> None:
    with pytest.raises(InputError) as caught:
        read_playbook(text.encode(), "ConfigMap site with key 'a.yml'")
    assert str(caught.value).startswith(f"ConfigMap site with key 'a.yml': {problem}")
    assert "hush" not in str(caught.value)
    assert caught.value.reason == "InvalidHook"


def test_bytes_that_are_no_text() -> None:
    for read in (read_playbook, read_variables):
        with pytest.raises(InputError, match=r"is not UTF-8 text \(byte 2\)"):
            read(b"a\xff", "x")


def test_variables_are_values_as_json_has_them() -> None:
    text = "a: 1\nb: [x, true, null, 1.5, 0644]\nc: {d: '2020-01-01', 5: e}\n"
    read = read_variables(text.encode(), "x")
    assert json.loads(json.dumps(read)) == {
        "a": 1,
        "b": ["x", True, None, 1.5, 420],
        "c": {"d": "2020-01-01", "5": "e"},
    }


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("", "must be a mapping of variables"),
        ("- hush", "must be a mapping of variables"),
        ("a: hush\na: hush\n", "line 2: the key a already stands on line 1"),
        ("a: {b: 1, b: hush}\n", "line 1: the key b already stands on line 1"),
        ("a-b: hush", "a-b is no name of a variable"),
        ("1: hush", "(a key that is not a plain name) is no name of a variable"),
        ("a: {b: [2020-01-01]}", "a.b[0] is a date that no variable can be; put it in quotes"),
        ("a: .nan", "a is a number that no variable can be; put it in quotes"),
        ("a: !!binary aHVzaA==", "a is binary data that no variable can be"),
        ("a: !vault hush", "is not valid YAML: line 1"),
        ("a: !!python/object:os.system hush", "is not valid YAML: line 1"),
        ("a: &x [hush]\nb: *y\n", "is not valid YAML: line 2"),
        ("!!set {hush, a}", "must be a mapping of variables, without the tag tag:yaml.org,2002:set"),
        ("a: !!int hush", "is not valid YAML: a number or a date cannot be read"),
    ],
)
def test_what_are_no_variables(text: str, problem: str) -> None:
    with pytest.raises(InputError) as caught:
        read_variables(text.encode(), "Secret s with key 'variables.yml'")
    assert str(caught.value).startswith(f"Secret s with key 'variables.yml': {problem}")
    for error in (caught.value, caught.value.__cause__, caught.value.__context__):
        assert "hush" not in str(error)


def test_a_bomb_of_aliases_is_refused() -> None:
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]" for n in range(1, 8)]
    with pytest.raises(InputError, match="too large"):
        read_variables("\n".join(lines).encode(), "x")
