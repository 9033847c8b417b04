"""Whatever a template does, it ends, and this process goes on."""

import sys
from pathlib import Path

import pytest

from capra.bootstrap.templates.jinja import Unrenderable
from capra.errors import Retry
from capra.runs import rendering
from capra.runs.rendering import render_within_bounds


def test_it_is_rendered_as_here() -> None:
    assert render_within_bounds("## template: jinja\n{{ a.b }} ü\n", {"a": {"b": "x"}}) == "x ü\n"


def test_what_is_wrong_is_told_with_its_line() -> None:
    with pytest.raises(Unrenderable) as caught:
        render_within_bounds("## template: jinja\n\n{{ nothing }}", {"a": "hunter2"})
    assert (caught.value.line, caught.value.problem) == (3, "nothing is not known; known are: a")


@pytest.mark.parametrize(
    "template",
    [
        "{% for a in range(99999) %}{% for b in range(99999) %}{% endfor %}{% endfor %}",
        "{% set a = ['x'] * 99999 %}{% for b in a %}{% do a.extend(a) %}{% endfor %}",
        "{{ 'x' * 9999999999 }}",
        "{% macro f(n) %}{{ f(n) }}{{ f(n) }}{% endmacro %}{{ f(1) }}",
        "{{ 'x' | center(9999999999) }}",
    ],
)
def test_it_ends(template: str, monkeypatch: pytest.MonkeyPatch) -> None:
    # Five seconds of a processor may take long beside other work.
    monkeypatch.setattr(rendering, "PATIENCE", 300.0)
    with pytest.raises(Unrenderable) as caught:
        render_within_bounds(f"## template: jinja\n{template}", {})
    assert caught.value.problem.startswith(("takes more than 5 s", "cannot be rendered (", "it renders into more"))


def test_a_process_that_dies_is_no_fault_of_the_template(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "executable", "/bin/false")
    with pytest.raises(Retry, match="ended with status 1"):
        render_within_bounds("## template: jinja\n{{ 1 }}", {})


def test_nothing_of_this_process_is_passed_on(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    program = tmp_path / "python"
    program.write_text(f"#!/bin/sh\nenv >{tmp_path}/seen\nexit 1\n")
    program.chmod(0o700)
    monkeypatch.setattr(sys, "executable", str(program))
    monkeypatch.setenv("SECRET_OF_THE_CONTROLLER", "hunter2")
    with pytest.raises(Retry):
        render_within_bounds("## template: jinja\n{{ 1 }}", {})
    assert "hunter2" not in (tmp_path / "seen").read_text()
