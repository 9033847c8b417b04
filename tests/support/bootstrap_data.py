"""Bootstrap data as the steps alone, for tests that look at nothing else of it."""

from __future__ import annotations

from typing import Any

from capra.bootstrap import Step, read


def parse(data: bytes, **options: Any) -> tuple[Step, ...]:
    """The steps. options: of `capra.bootstrap.read`."""
    return read(data, **options).steps
