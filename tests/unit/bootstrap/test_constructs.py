"""What a user may go on without: by its path, for every item, and with everything below it."""

import pytest

from capra.bootstrap import read
from capra.errors import InputError

DATA = b"runcmd: [id]\nrandom_seed: {file: /dev/urandom}\nwrite_files:\n- {path: /a, source: {uri: x}}\n"


@pytest.mark.parametrize(
    ("ignored", "refused"),
    [
        ((), "random_seed, write_files[0].source"),
        (("random_seed",), "write_files[0].source"),
        (("write_files[0].source",), "random_seed"),
        (("write_files.source",), "random_seed"),
        (("random_see", "random_seed.file", "write_files[1].source"), "random_seed, write_files[0].source"),
    ],
)
def test_only_what_is_named_is_ignored(ignored: tuple[str, ...], refused: str) -> None:
    with pytest.raises(InputError) as raised:
        read(DATA, ignored=ignored)
    assert raised.value.field == refused


def test_what_is_ignored_is_told() -> None:
    assert read(DATA, ignored=["random_seed", "write_files"]).notes == (
        "write_files is ignored, as the machine says",
        "random_seed is ignored, as the machine says",
    )


def test_what_is_supported_may_be_ignored_as_well() -> None:
    data = b"runcmd: [id]\nntp: {enabled: true}\nusers: [{name: a}]\n"
    found = read(data, ignored=["ntp", "users"])
    assert [step.title for step in found.steps] == ["run runcmd[0]"]
    assert found.notes == ("ntp is ignored, as the machine says", "users is ignored, as the machine says")


def test_a_file_whose_source_is_ignored_is_not_written_empty() -> None:
    found = read(DATA, ignored=["write_files.source", "random_seed"])
    assert [step.title for step in found.steps] == ["run runcmd[0]"]
    assert found.notes[-1] == "write_files[0] is not written: its content comes from `source`, which is ignored"


def test_what_is_to_be_ignored_and_is_not_there_is_told() -> None:
    assert read(b"runcmd: [id]", ignored=["npt"]).notes == ("npt is to be ignored, and is not there",)
