"""What Jinja would render is refused with its line; what it cannot parse is content."""

from __future__ import annotations

import contextlib
import time

import pytest

from capra.bootstrap import jinja, parse
from capra.errors import InputError

HEADER = "## template: jinja\n#cloud-config\n"


def _data(content: str, header: str = HEADER) -> bytes:
    return f"{header}write_files:\n- path: /a\n  content: |\n    first\n    {content}\nruncmd: [x]\n".encode()


@pytest.mark.parametrize(
    ("content", "named"),
    [
        ("{% raw %}{{ .Values.x }}{% endraw %}", "line 7 (`{%`)"),
        ("{%- raw -%}x{%- endraw -%}", "line 7 (`{%`)"),
        ("{{ distro }}", "line 7 (`{{`)"),
        ("{{distro}}", "line 7 (`{{`)"),
        ("{{ 'text' }}", "line 7 (`{{`)"),
        ("{{ system_info['variant'] | upper }}", "line 7 (`{{`)"),
        ("a {% if true %}b{% endif %}", "line 7 (`{%`)"),
        ("{% set x = 1 %}", "line 7 (`{%`)"),
        ("{% do [] %}", "line 7 (`{%`)"),
        ("{# comment #}", "line 7 (`{#`)"),
        ("{#- comment -#}", "line 7 (`{#`)"),
        ("${#array[@]} #}", "line 7 (`{#`)"),
        ("{{- if .x }}b{{ end }}", "line 7 (`{{`)"),  # `if.x`, to Jinja
    ],
)
def test_what_would_render_differently_is_refused(content: str, named: str) -> None:
    with pytest.raises(InputError, match="not supported yet") as caught:
        parse(_data(content))
    assert named in str(caught.value)
    plain = parse(_data(content, "#cloud-config\n"))[0]
    assert getattr(plain, "content") == f"first\n{content}\n".encode()  # noqa: B009  # of a WriteFile


@pytest.mark.parametrize(
    "content",
    [
        "{{ .Values.x }}",
        '{{ include "chart.name" . | nindent 4 }}',
        "{{ $x := 1 }}{{ end }}",
        "${#array[@]}",
        "{% no such statement %}",
        "{{ name | no_such_filter }}",
        "{{ 1 is no_such_test }}",
        "{{ unclosed",
        "curl -w '%{http_code}' }} %} #}",
        "{ {a} }",
        "# a comment, ## and -- and %% at the start of a line are no statements",
    ],
)
def test_what_jinja_cannot_parse_stays_as_it_is(content: str) -> None:
    step = parse(_data(content))[0]
    assert getattr(step, "content") == f"first\n{content}\n".encode()  # noqa: B009  # of a WriteFile


@pytest.mark.parametrize(
    "content",
    [
        "{{ " + "(" * 100_000,
        "{{ a }}" * 100_000,
        "{{ " + "1" * 100_000 + " }}",
        "{{ [" + "[]," * 300_000 + "] }}",
        "{{ [" + "1," * 49_000 + "] }}",
        "{{ " + "a|" * 400_000 + "a }}",
        "a\n    " * 400_000 + "{{ ds.x }}\n    " * 9_000,
    ],
)
def test_no_template_takes_long(content: str) -> None:
    started = time.process_time()
    with contextlib.suppress(InputError):
        parse(_data(content))
    assert time.process_time() - started < 5.0


@pytest.mark.parametrize(
    ("name", "bound"),
    [("MAX_TOKENS", "more than 100 words and signs"), ("MAX_CHARACTERS", "is longer than 100 characters")],
)
def test_the_bound_is_told(name: str, bound: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(jinja, name, 100)
    with pytest.raises(InputError, match=bound):
        parse(_data("{{ [" + "1," * 100 + "] }}"))
    assert parse(_data("{ {a} }" * 100))


def test_lines_are_counted_from_the_beginning() -> None:
    with pytest.raises(InputError, match=r"line 7 \(`ds`\), line 9 \(`v1`\), line 9 \(`v1`\)"):
        parse(_data("{{ ds.x }}\n\n    {{ v1.y }} {{ v1.z }}"))
