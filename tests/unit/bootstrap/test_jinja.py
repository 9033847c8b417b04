"""What Jinja would render is refused with its line; what it cannot parse is content."""

from __future__ import annotations

import contextlib
import time

import pytest

from capra.bootstrap import parse
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


@pytest.mark.parametrize("content", ["{{ " + "(" * 100_000, "{{ a }}" * 100_000, "{{ " + "1" * 100_000 + " }}"])
def test_no_template_takes_long(content: str) -> None:
    started = time.process_time()
    with contextlib.suppress(InputError):
        parse(_data(content))
    assert time.process_time() - started < 5.0
