"""A document is rendered where its first line says so, as cloud-init does; what Jinja cannot parse is content."""

from __future__ import annotations

import contextlib
import time

import pytest

from capra.bootstrap import Instance, InstanceDataMissing, RunCommand, WriteFile, read
from capra.bootstrap.templates import jinja
from capra.bootstrap.templates.instance_data import EXAMPLE, instance_data
from capra.errors import InputError

HEADER = "## template: jinja\n#cloud-config\n"
LABELS = {"topology.kubernetes.io/zone": "rack-7"}
INSTANCE = Instance(
    instance_data(EXAMPLE, name="node-0", namespace="default", uid="uid-1", labels=LABELS), jinja.render
)


def _data(content: str, header: str = HEADER) -> bytes:
    return f"{header}write_files:\n- path: /a\n  content: |\n    first\n    {content}\nruncmd: [x]\n".encode()


def _content(data: bytes, instance: Instance | None = INSTANCE) -> str:
    step = read(data, subject="Secret x", instance=instance).steps[0]
    assert isinstance(step, WriteFile)
    return step.content.decode()


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        ("{% raw %}{{ .Values.x }}{% endraw %}.", "{{ .Values.x }}."),
        ("{{ ds.meta_data.local_hostname }}", "host"),
        ("{{ ds.meta_data['local-hostname'] }} {{ ds['meta_data'].hostname }}", "host host"),
        ("{{ ds.meta_data.hostname.split('.')[0] | upper }}", "HOST"),
        ("{{v1.local_hostname}} {{ local_hostname }}", "host host"),
        ("{{ instance_id }} {{ ds.meta_data.instance_id }}", "uid-1 uid-1"),
        ("{{ v1.distro }} {{ distro_version }} {{ v1.distro_release }}", "debian 12 bookworm"),
        ("{{ kernel_release }} {{ machine }} {{ v1.platform }}", "6.1.0 x86_64 remote"),
        ("{{ ds.meta_data.local_ipv4 }}", "192.0.2.1"),
        ("{{ availability_zone }} {{ v1['availability-zone'] }}", "rack-7 rack-7"),
        ("{{ region | default('nowhere') }}", "nowhere"),
        ("{{ ds.meta_data.name }}.{{ ds.meta_data.namespace }}", "node-0.default"),
        ("a {% if distro == 'debian' %}b{% else %}c{% endif %}.", "a b."),
        ("{% set x = 1 %}{{ x + 1 }}", "2"),
        ("{% do [] %}{# comment #}x", "x"),
        ("${#array[@]} #}.", "$."),
        ("{{ '{{ not again }}' }}", "{{ not again }}"),
    ],
)
def test_what_jinja_renders(content: str, expected: str) -> None:
    assert _content(_data(content)) == f"first\n{expected}\n"
    assert _content(_data(content, "#cloud-config\n")) == f"first\n{content}\n"
    # In any other line than the first it is a comment.
    assert _content(_data(content, f"#cloud-config\n{HEADER}")) == f"first\n{content}\n"


def test_without_an_instance_the_host_has_to_be_asked() -> None:
    with pytest.raises(InstanceDataMissing):
        _content(_data("{{ local_hostname }}"), None)
    assert _content(_data("nothing to render"), None) == "first\nnothing to render\n"


def test_variables_for_custom_user_data() -> None:
    """As k0smotron's CloudInitVars makes them."""
    data = (
        "## template: jinja\n{% set k0smotron_files = [\n  {'path': '/a', 'content': 'token'}\n] %}\n"
        "#cloud-config\nwrite_files: {{ k0smotron_files }}\nruncmd: [x]\n"
    )
    assert _content(data.encode()) == "token"


@pytest.mark.parametrize(
    ("content", "told"),
    [
        ("{{ no_such_name }}", "line 7: no_such_name is not known; known are: availability_zone, cloud_name, distro"),
        ("{{ ds.meta_data.nothing }}", "line 7: ds.meta_data.nothing is not known; known are: availability_zone, hos"),
        ("{{ v1.region }}", "line 7: v1.region is not known; known are: availability_zone"),
        ("x\n    {% if nothing %}y{% endif %}", "line 8: nothing is not known"),
        ("{{ nothing.more }}", "line 7: nothing is not known"),
        ("{{ local_hostname.nothing }}", "line 7: nothing is not known"),
        (
            "{{ ds['hunter2 hunter2'] }}",
            "line 7: ds.(a key that is not a plain name) is not known; known are: meta_data",
        ),
        ("{{ 1 + 'hunter2' }}", "line 7: cannot be rendered (TypeError)"),
        ("{{ ''.__class__.__mro__ }}", "line 7: cannot be rendered (SecurityError)"),
        ("{{ ds.update({}) }}{{ [].__init__.__globals__ }}", "line 7: cannot be rendered (SecurityError)"),
        ("{{ [1, 2] | random }}", "line 7: random gives something else each time"),
        ("{{ lipsum() }}", "line 7: lipsum gives something else each time"),
        ("{% include 'hunter2' %}", "line 7: includes another template, which is not supported"),
        ("{{ range(10000000) | list }}", "line 7: cannot be rendered (OverflowError)"),
        ("{{- if .x }}b{{ end }}", "line 7: if is not known"),  # `if.x`, to Jinja
    ],
)
def test_what_cannot_be_rendered_is_told_with_its_line(content: str, told: str) -> None:
    with pytest.raises(InputError) as caught:
        _content(_data(content))
    assert str(caught.value).startswith(f"Secret x: {told}")
    assert "hunter2" not in str(caught.value)
    assert caught.value.__context__ is None


def test_what_comes_out_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(jinja, "MAX_RENDERED", 1000)
    with pytest.raises(InputError, match="renders into more than 1000 characters"):
        _content(_data("{{ 'x' * 1000 }}"))


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
    assert _content(_data(content), None) == f"first\n{content}\n"


@pytest.mark.parametrize(
    "named", ["{{ ds.x }}", "{{v1.local_hostname}}", "{% if ds['x'] %}", "{{ k0smotron_commands }}"]
)
def test_who_names_instance_data_means_a_template(named: str) -> None:
    with pytest.raises(InputError, match=r"line 7: `\w+` is for Jinja, which .* line 9 is no valid template"):
        _content(_data(f"{named}\n\n    {{{{ .Values.hunter2 }}}}{{% endif %}}"))


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
        _content(_data(content))
    assert time.process_time() - started < 8.0


@pytest.mark.parametrize(
    ("name", "bound"),
    [("MAX_TOKENS", "more than 100 words and signs"), ("MAX_CHARACTERS", "is longer than 100 characters")],
)
def test_the_bound_is_told(name: str, bound: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(jinja, name, 100)
    with pytest.raises(InputError, match=bound):
        _content(_data("{{ [" + "1," * 100 + "] }}"))
    assert _content(_data("{ {a} }" * 100)) == f"first\n{'{ {a} }' * 100}\n"


def test_each_part_may_be_a_template() -> None:
    data = (
        'MIME-Version: 1.0\nContent-Type: multipart/mixed; boundary="b"\n\n'
        "--b\nContent-Type: text/jinja2\n\n## template: jinja\n#cloud-config\nruncmd: ['{{ local_hostname }}']\n"
        "--b\nContent-Type: text/x-shellscript\n\n## template: jinja\n#!/bin/sh\necho {{ v1.distro }}\n"
        "--b\nContent-Type: text/x-shellscript\n\n#!/bin/sh\necho {{ v1.distro }}\n--b--\n"
    )
    steps = read(data.encode(), instance=INSTANCE).steps
    assert [step.command for step in steps if isinstance(step, RunCommand)][-1] == "host"
    scripts = [step.content for step in steps if isinstance(step, WriteFile)]
    assert scripts == [b"#!/bin/sh\necho debian", b"#!/bin/sh\necho {{ v1.distro }}"]
