"""Standard streams that cannot be used: what is told beside the output costs nobody the outcome of a run."""

from __future__ import annotations

import os
import sys
from typing import Any, TextIO


class Lossy:
    """A text stream whose reader may go away, and whose disk may be full: what it does not take is lost."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)

    def write(self, text: str) -> int:
        """See io.TextIOBase."""
        try:
            return self._stream.write(text)
        except OSError:
            self._lose()
            return len(text)

    def flush(self) -> None:
        """See io.TextIOBase."""
        try:
            self._stream.flush()
        except OSError:
            self._lose()

    def _lose(self) -> None:
        """Whatever is written from now on, goes nowhere; what waits in the stream as well."""
        lose(self._stream.fileno())
        self._stream.flush()


def lose(descriptor: int) -> None:
    """What is written there from now on goes nowhere."""
    nowhere = os.open(os.devnull, os.O_RDWR)
    os.dup2(nowhere, descriptor)
    os.close(nowhere)


def prepare_streams() -> None:
    """Make standard error lossy, and open what of the three streams is closed: the next file that is opened would have
    its number, and be taken for it by every process that is started."""
    for descriptor in (0, 1, 2):
        try:
            os.fstat(descriptor)
        except OSError:
            os.open(os.devnull, os.O_RDWR)  # takes the lowest number that is free, which is this one
    if sys.stderr is None:
        sys.stderr = open(2, "w", closefd=False)  # noqa: SIM115  # as long as the process
    if sys.stdout is None:
        sys.stdout = open(1, "w", closefd=False)  # noqa: SIM115  # the same
    lossy: Any = Lossy(sys.stderr)
    sys.stderr = lossy
