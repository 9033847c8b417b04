"""Large and hostile documents; what errors carry along; the small functions."""

import gzip
import json
import time

import pytest
import yaml

from capra.bootstrap import WriteFile, digest
from capra.bootstrap.reading import document, encoding, strict_yaml
from capra.bootstrap.reading.location import Location, yaml_kind
from capra.bootstrap.reading.yaml_limits import without_snippet
from capra.errors import InputError
from tests.support.bootstrap_data import parse


def test_digest_is_sha256() -> None:
    assert digest(b"") == "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"


def test_one_megabyte_is_quick() -> None:
    content = "0123456789abcde\n" * 2**16
    data = "#cloud-config\n" + json.dumps({"write_files": [{"path": "/a", "content": content}]})
    start = time.process_time()
    [step] = parse(data.encode())
    assert time.process_time() - start < 2
    assert isinstance(step, WriteFile)
    assert step.content == content.encode()


def test_gzipped_user_data() -> None:
    assert parse(gzip.compress(b"runcmd: [a]")) == parse(b"runcmd: [a]")


@pytest.mark.parametrize("loader", [yaml.SafeLoader, getattr(yaml, "CSafeLoader", yaml.SafeLoader)])
@pytest.mark.parametrize(
    ("data", "problem"),
    [
        pytest.param("runcmd: " + "[" * 500, "nested deeper than", id="deep"),
        pytest.param(
            "a0: &a0 [x,x,x,x,x,x,x,x,x]\n"
            + "".join(f"a{n}: &a{n} [{','.join([f'*a{n - 1}'] * 9)}]\n" for n in range(1, 9)),
            "too large",
            id="billion laughs",
        ),
        pytest.param(
            "a0: &a0 {k: v}\n" + "".join(f"a{n}: &a{n} {{<<: [*a{n - 1}, *a{n - 1}]}}\n" for n in range(1, 40)),
            "too large",
            id="merge keys",
        ),
        pytest.param(f"a: &a {'x' * 200_000}\nb: [{','.join(['*a'] * 100)}]\n", "too large", id="long text many times"),
    ],
)
def test_bombs_are_refused(
    monkeypatch: pytest.MonkeyPatch, loader: type[yaml.SafeLoader], data: str, problem: str
) -> None:
    monkeypatch.setattr(strict_yaml, "LOADER", strict_yaml.loader_class(loader))
    with pytest.raises(InputError, match=problem):
        parse(data.encode())


def test_too_long_a_text_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(strict_yaml, "MAX_CHARACTERS", 10)
    with pytest.raises(InputError, match="12 characters long; at most 10"):
        parse(b"runcmd: [ab]")
    with pytest.raises(InputError, match="unpacks into more than 10 bytes"):
        parse(gzip.compress(b"runcmd: [ab]"))


def test_too_much_content_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(encoding, "MAX_CONTENT", 10)
    bomb = {"path": "/a", "encoding": "gzip", "content": gzip.compress(b"x" * 11)}
    with pytest.raises(InputError, match=r"write_files\[0\].content: .* unpacks into more than 10 bytes"):
        parse(yaml.safe_dump({"write_files": [bomb]}).encode())
    half = {"path": "/a", "content": "123456"}
    with pytest.raises(InputError, match=r"write_files\[1\]: .* larger than 10 bytes together"):
        parse(yaml.safe_dump({"write_files": [half, half]}).encode())


def test_an_error_names_ten_keys_and_counts_the_others() -> None:
    data = "".join(f"key{number}: x\n" for number in range(1000))
    with pytest.raises(InputError, match="these and 990 more are not supported; ") as raised:
        parse(data.encode())
    assert raised.value.field == ", ".join(f"key{number}" for number in range(10))
    with pytest.raises(InputError, match="key9: not supported; "):
        parse("".join(f"key{number}: x\n" for number in range(10)).encode())


@pytest.mark.parametrize(
    "data",
    [
        b"runcmd:\n - a\n b: hunter2",
        b"a: *hunter2",
        b"a: !hunter2 b",
        b"a: !!int hunter2",
        b"a: 2001-99-99",
        b"hunter2\xff",
        b"write_files: [{path: /a, encoding: gzip, content: hunter2}]",
        b"write_files: [{path: /a, encoding: b64, content: hunter2!}]",
    ],
)
def test_an_error_carries_no_other_that_is_shown(data: bytes) -> None:
    with pytest.raises(InputError) as raised:
        parse(data)
    assert raised.value.__cause__ is None
    assert raised.value.__context__ is None or raised.value.__suppress_context__
    assert "hunter2" not in f"{raised.value!r} {raised.value.__context__!r}"


def test_reason_and_subject() -> None:
    with pytest.raises(InputError, match=r"^bootstrap data: is empty$") as raised:
        parse(b"")
    assert raised.value.reason == "InvalidBootstrapData"


def test_an_error_of_yaml_without_a_mark() -> None:
    assert without_snippet(yaml.YAMLError()) == "cannot be read"


def test_surrogates_are_refused_wherever_they_come_from() -> None:
    with pytest.raises(InputError, match="workingDir: has half of a surrogate pair"):
        parse(b"runcmd: [a]", commands_as_script=True, working_dir="/\ud800")


def test_leading_lines() -> None:
    assert document.leading_lines("# a\n\n#b\nc: d\n# e\n") == "# a\n\n#b\n"


def test_places() -> None:
    assert Location("s").key("a").item(2).key("b").field == "a[2].b"
    assert [yaml_kind(value) for value in (1, 1.5, True)] == ["a number", "a number", "true or false"]
