"""Takes secrets out of what people and files get to see: whole, in part, and as encodings show them.

Hosts cut output, messages are cut again, and programs quote and encode: whatever eight characters of a secret are left
in the text, in JSON, in a shell's quotes, in a URL, in base64 or in hexadecimal digits, are hidden.
"""

from __future__ import annotations

import binascii
import re
from collections.abc import Callable, Iterable, Iterator
from typing import Any

from capra.engine.redaction.ordinary import is_ordinary
from capra.model.run import RunSecrets
from capra.runs.redaction.needles import Needles
from capra.runs.redaction.views import views

HIDDEN = "[hidden]"
MINIMUM = 8
WORDS = re.compile(r"-----[A-Z0-9 ]+-----|\s+|\\[rn]")
"""What stands between the parts of a key that are secret, however it is folded."""

_BASE64 = re.compile(rb"[A-Za-z0-9+/_-]{11,}")
_URL_SAFE = bytes.maketrans(b"-_", b"+/")
_HEXADECIMAL = re.compile(rb"[0-9a-fA-F]{16,}")


class Redactor:
    """Knows every secret value of one run."""

    def __init__(
        self, parts: Iterable[str], strict: Iterable[str] = (), wholes: Iterable[str] = (), own: Iterable[str] = ()
    ) -> None:
        self._needles = Needles((text for text in parts if len(text) >= MINIMUM), strict, wholes, own)

    @classmethod
    def of(cls, secrets: RunSecrets) -> Redactor:
        """The redactor for a run: the keys by word, in both of their forms, both passwords however short they are,
        and what the request names."""
        keys = (secrets.ssh_key, secrets.openssh_key, *secrets.given_keys, *secrets.further_keys, *secrets.bastion_keys)
        words = [word for key in keys for word in WORDS.split(key) if len(word) >= MINIMUM and not is_ordinary(word)]
        own = [*words, *filter(None, [secrets.become_password, secrets.login_password])]
        return cls(secrets.hidden, secrets.credentials, [*(key.strip() for key in keys), *secrets.wholes], own)

    def text(self, value: str) -> str:
        """The text without the secrets."""
        if not value or not self._needles:
            return value
        data = value.encode("utf-8", "surrogatepass")
        spans = sorted(self._spans(data))
        return _without(data, spans).decode("utf-8", "surrogatepass") if spans else value

    def _spans(self, data: bytes) -> Iterator[tuple[int, int]]:
        for view in views(data):
            for start, end in self._needles.spans(view.data):
                yield view.span(start, end)
        yield from self._encoded(data, _BASE64, _from_base64, 4)
        yield from self._encoded(data, _HEXADECIMAL, _from_hexadecimal, 2)

    def _encoded(
        self, data: bytes, pattern: re.Pattern[bytes], decode: Callable[[bytes], bytes], places: int
    ) -> Iterator[tuple[int, int]]:
        """Runs of digits that hide secrets, whole. What was encoded may begin at any of several places."""
        found = list(pattern.finditer(data))
        for place in range(places):
            read = [decode(match[0][place:]) for match in found]
            if self._needles.has_runs(b"\0".join(read)):
                yield from (
                    match.span() for match, text in zip(found, read, strict=True) if self._needles.has_runs(text)
                )

    def data(self, value: Any) -> Any:
        """The same for everything inside lists and mappings; keys are left alone."""
        if isinstance(value, str):
            return self.text(value)
        if isinstance(value, dict):
            return {key: self.data(item) for key, item in value.items()}
        if isinstance(value, list | tuple):
            return [self.data(item) for item in value]
        return value


def _from_base64(digits: bytes) -> bytes:
    return binascii.a2b_base64(digits.translate(_URL_SAFE) + b"A" * (-len(digits) % 4))


def _from_hexadecimal(digits: bytes) -> bytes:
    return binascii.unhexlify(digits[: len(digits) // 2 * 2])


def _without(data: bytes, spans: Iterable[tuple[int, int]]) -> bytes:
    """The bytes with each stretch of spans, which are in order, replaced; a character is never cut in two."""
    kept: list[bytes] = []
    end = 0
    for first, last in spans:
        start, stop = first, last
        while 0 < start < len(data) and data[start] & 0xC0 == 0x80:
            start -= 1
        while stop < len(data) and data[stop] & 0xC0 == 0x80:
            stop += 1
        if start > end or not kept:
            kept += [data[end:start], HIDDEN.encode()]
        end = max(end, stop)
    return b"".join([*kept, data[end:]])
