"""What goes in comes out byte for byte, whatever it is."""

import base64
import gzip
import subprocess
from pathlib import Path

import pytest
import yaml
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from capra.bootstrap import RunCommand, WriteFile
from capra.errors import InputError
from tests.support.bootstrap_data import parse

BYTES = st.binary(max_size=500)
# PyYAML writes NEL, LS and PS as they are and reads them as line breaks, which YAML 1.1 folds.
TEXT = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\x85\u2028\u2029"), max_size=200)
# No character that YAML 1.1 cannot hold as it is: it would be escaped, or is a line break of its own.
PLAIN_TEXT = st.text(st.characters(exclude_categories=["Cs", "Cc", "Zl", "Zp"]) | st.just("\n"), max_size=200)
ARGUMENT = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=30)
HEADERS = st.sampled_from(["", "#cloud-config\n", "## template: jinja\n#cloud-config\n"])
FEW = settings(max_examples=30, suppress_health_check=[HealthCheck.function_scoped_fixture])


def written(document: object, header: str = "#cloud-config\n") -> bytes:
    [step] = parse((header + yaml.safe_dump(document, allow_unicode=True)).encode())
    assert isinstance(step, WriteFile)
    return step.content


def packed(content: bytes, encoding: str) -> bytes:
    if encoding.startswith("g"):
        content = gzip.compress(content, mtime=0)
    return base64.encodebytes(content) if encoding.endswith("64") else content


@pytest.mark.parametrize("encoding", ["base64", "b64", "gzip", "gz", "gzip+base64", "gz+base64", "gzip+b64", "gz+b64"])
@FEW
@given(content=BYTES)
def test_encoded_content_is_exact(encoding: str, content: bytes) -> None:
    value = packed(content, encoding)
    as_bytes = {"path": "/a", "encoding": encoding, "content": value}
    assert written({"write_files": [as_bytes]}) == content
    if encoding.endswith("64"):
        assert written({"write_files": [{**as_bytes, "content": value.decode()}]}) == content


@FEW
@given(content=BYTES)
def test_binary_content_is_exact(content: bytes) -> None:
    assert written({"write_files": [{"path": "/a", "content": content}]}) == content


@FEW
@given(content=TEXT, header=HEADERS)
def test_text_content_is_exact(content: str, header: str) -> None:
    assert written({"write_files": [{"path": "/a", "content": content}]}, header) == content.encode()


@FEW
@given(content=PLAIN_TEXT)
def test_literal_block_is_exact(content: str) -> None:
    lines = "".join(f"      {line}\n" for line in content.split("\n"))
    data = f"#cloud-config\nwrite_files:\n  - path: /a\n    content: |2+\n{lines}".encode()
    [step] = parse(data)
    assert isinstance(step, WriteFile)
    assert step.content == f"{content}\n".encode()


@FEW
@given(command=ARGUMENT.filter(str.strip))
def test_commands_are_exact(command: str) -> None:
    [step] = parse(yaml.safe_dump({"runcmd": [command]}).encode())
    assert step == RunCommand(command, source="runcmd[0]")


@FEW
@given(words=st.lists(ARGUMENT, max_size=5))
def test_list_form_gives_the_same_arguments(words: list[str]) -> None:
    shell = ["printf", "%s\\0", "", *words]
    [step] = parse(yaml.safe_dump({"runcmd": [shell]}).encode())
    assert isinstance(step, RunCommand)
    done = subprocess.run(["/bin/sh", "-c", step.command], capture_output=True, check=True)
    assert done.stdout == b"".join(word.encode() + b"\0" for word in ["", *words])


@FEW
@given(word=ARGUMENT)
def test_script_runs_the_commands(tmp_path: Path, word: str) -> None:
    out = tmp_path / "it's out"
    commands: list[object] = [
        ["sh", "-c", 'printf "%s\\n" "$1" >"$2"', "-", word, str(out)],
        f"printf last >>'{tmp_path}'/\"it's out\"",
    ]
    script, run = parse(
        yaml.safe_dump({"runcmd": commands}).encode(), commands_as_script=True, working_dir=str(tmp_path)
    )
    assert isinstance(script, WriteFile)
    assert isinstance(run, RunCommand)
    path = Path(script.path)
    path.write_bytes(script.content)
    path.chmod(int(script.mode, 8))
    subprocess.run(["/bin/sh", "-c", run.command], check=True)
    assert out.read_bytes() == f"{word}\nlast".encode()


def test_script_ends_at_the_first_failure(tmp_path: Path) -> None:
    commands = ["true", "false", f"touch {tmp_path}/reached"]
    script, _ = parse(yaml.safe_dump({"runcmd": commands}).encode(), commands_as_script=True)
    assert isinstance(script, WriteFile)
    assert subprocess.run(["/bin/sh", "-c", script.content], check=False).returncode == 1
    assert not (tmp_path / "reached").exists()


VALID = (
    "## template: jinja\n#cloud-config\nwrite_files:\n- &a {path: /a, content: hunter2, permissions: 0600}\n"
    "- path: /b\n  content: |\n    hunter2\n- {<<: *a, path: /c}\nruncmd: [hunter2, [echo, hunter2, 5]]\n"
)
PIECES = st.sampled_from([*"&*!|>%@`{}[],:?-#'\"\\\t\n 0~=", "<<", "---", "...", "!!int", "!!binary", "&a", "*a"])


@settings(max_examples=150)
@example(edits=[(1, 0, "&"), (108, 2, "!!int")])  # a number without digits
@example(edits=[(57, 4, "\t"), (63, 4, "&")])  # content that has become a part of the path
@given(edits=st.lists(st.tuples(st.integers(0, len(VALID)), st.integers(0, 4), PIECES), min_size=1, max_size=4))
def test_damaged_data_gives_steps_or_an_error_without_secrets(edits: list[tuple[int, int, str]]) -> None:
    text = VALID
    for position, removed, added in edits:
        text = text[:position] + added + text[position + removed :]
    message = ""
    try:
        assert parse(text.encode())
    except InputError as error:
        message = str(error)
    assert "hunter2" not in message
