"""What needs the packages of the extra `controller`: imported only when it is used, and named when it is missing."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import capra
from capra.errors import Fatal

EXTRA = frozenset({"aiohttp", "kopf", "kubernetes", "prometheus_client", "tenacity"})
"""What the extra `controller` of the package brings."""


@contextmanager
def needing_extra() -> Iterator[None]:
    """For an import. Raises Fatal with the command that installs what is missing."""
    try:
        yield
    except ModuleNotFoundError as error:
        if (error.name or "").partition(".")[0] not in EXTRA:
            raise
        message = (
            f"{error.name} is not installed: run pip install '.[controller]' in Capra's checkout, or with the wheel of"
            f" a release pip install './capra-{capra.__version__}-py3-none-any.whl[controller]'"
        )
        raise Fatal(message, "MissingPackage") from None
