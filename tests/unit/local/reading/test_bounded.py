"""Files that are endless, too large or pipes end in one error, soon and in little memory."""

from __future__ import annotations

import os
import resource
import sys
import threading
import time
from pathlib import Path

import pytest

from capra.errors import CapraError, InputError
from capra.local.known_hosts import KnownHosts
from capra.local.reading import bounded
from capra.local.reading.documents import read_documents
from capra.local.reading.keys import read_private_file
from capra.local.reading.manifests import load_manifests
from capra.local.reading.option_files import read_bootstrap_data

ZERO = Path("/dev/zero")


@pytest.mark.parametrize(
    "reading",
    [
        lambda: load_manifests([str(ZERO)]),
        lambda: read_bootstrap_data(str(ZERO)),
        lambda: read_private_file(ZERO, "--ssh-key"),
        lambda: KnownHosts(ZERO).keys("192.0.2.1", 22),
    ],
)
def test_an_endless_file(reading: object) -> None:
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with pytest.raises(CapraError, match=r"is larger than [0-9]+ bytes, and no more is read"):
        reading()  # type: ignore[operator]  # a function without arguments
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 200_000  # KiB


def test_endless_standard_input(monkeypatch: pytest.MonkeyPatch) -> None:
    with ZERO.open() as zero:
        monkeypatch.setattr(sys, "stdin", zero)
        with pytest.raises(InputError, match="standard input: is larger than"):
            load_manifests(["-"])


def test_a_pipe_into_which_nobody_writes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bounded, "PATIENCE", 0.3)
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe, 0o600)
    started = time.monotonic()
    with pytest.raises(InputError, match="is a pipe into which nobody has written for"):
        read_bootstrap_data(str(pipe))
    writer = os.open(pipe, os.O_RDWR)  # somebody who is silent
    with pytest.raises(InputError, match="is a pipe into which nobody has written for"):
        read_bootstrap_data(str(pipe))
    os.close(writer)
    assert time.monotonic() - started < 10


def test_a_pipe_is_read_to_its_end(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    content = b"runcmd: [x]\n" * 20_000

    def write() -> None:
        time.sleep(0.2)
        pipe.write_bytes(content)

    thread = threading.Thread(target=write)
    thread.start()
    assert read_bootstrap_data(str(pipe)).data == content
    thread.join()


@pytest.mark.parametrize("digits", ["9" * 400_000, "0x" + "f" * 400_000, ":".join("1" * 200_000)])
@pytest.mark.parametrize("form", ["{{'a': {}}}", '{{"a": {}}}', "a: {}"])
def test_numbers_that_are_too_long(digits: str, form: str) -> None:
    started = time.process_time()
    try:
        [document] = read_documents(form.format(digits), "file")
    except InputError as error:
        assert len(str(error)) < 300  # noqa: PT017  # either is fine: an error, or the text itself
    else:
        assert not isinstance(document.content["a"], int) or digits.startswith("0x")
    assert time.process_time() - started < 5.0
