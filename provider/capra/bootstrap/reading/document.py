"""From the bytes of bootstrap data to text.

What user data may start with: cloud-init, 'User-data formats'. cloud-init insists on the first line
`#cloud-config`; k0smotron's provisioner reads any YAML. Here the line may be missing.
"""

from __future__ import annotations

from capra.bootstrap.reading import strict_yaml
from capra.bootstrap.reading.encoding import Unreadable, gunzip
from capra.bootstrap.reading.location import Location


def read_text(data: bytes, place: Location) -> str:
    """The text. cloud-init accepts user data that is gzipped as a whole, and so does this. Raises InputError."""
    if data.startswith(b"\x1f\x8b"):
        try:
            data = gunzip(data, strict_yaml.MAX_CHARACTERS)
        except Unreadable as error:
            raise place.error(f"looks gzipped, but {error}") from None
        if data.startswith(b"\x1f\x8b"):
            raise place.error("is gzipped twice: once is enough")
    bad = -1
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        bad, text = error.start, ""
    if bad >= 0:
        raise place.error(f"is not UTF-8 text (byte {bad}, line {data.count(10, 0, bad) + 1}): binary data?")
    if not text.strip():
        raise place.error("is empty")
    if len(text) > strict_yaml.MAX_CHARACTERS:
        raise place.error(f"is {len(text)} characters long; at most {strict_yaml.MAX_CHARACTERS} are accepted")
    return text


def leading_lines(text: str) -> str:
    """The blank lines and comments before the first line of content."""
    end = 0
    for line in text.splitlines(keepends=True):
        if line.strip() and not line.startswith("#"):
            break
        end += len(line)
    return text[:end]
