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
        "random_seed is ignored, as the machine says",
        "write_files[0].source is ignored, as the machine says",
    )
