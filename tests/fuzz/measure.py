"""`python3 -m tests.fuzz.measure SIZE…`: read hostile data of each family and size, and tell what it took, as JSON.

A process of its own, with an end to its memory: what asks for more fails with MemoryError.
"""

from __future__ import annotations

import json
import resource
import sys
import time
from collections.abc import Iterator
from typing import Any

from capra.bootstrap import read
from capra.errors import InputError
from tests.fuzz.families import FAMILIES

MEMORY = 2**30
"""Bytes of address space, the interpreter included. The decoded files of one document may have 64 MiB."""

FLOOR = "commands"
"""The family that is no worse than what providers write: many small values."""


def measured(data: bytes) -> dict[str, Any]:
    """Processor seconds for reading it, and the error: "", the message of an InputError, or another's class."""
    problem, wrong = "", ""
    begun = time.process_time()
    try:
        read(data, subject="Secret x")
    except InputError as error:
        problem = str(error)
    except Exception as error:
        wrong = type(error).__name__
    return {"seconds": time.process_time() - begun, "message": problem, "wrong": wrong}


def all_families(sizes: list[int]) -> Iterator[dict[str, Any]]:
    for size in sizes:
        read(FAMILIES[FLOOR](size))
        floor = min(measured(FAMILIES[FLOOR](size))["seconds"] for _ in range(2))
        for name, family in FAMILIES.items():
            data = family(size)
            yield {"family": name, "size": len(data), "floor": floor, **measured(data)}


if __name__ == "__main__":
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    print(json.dumps(list(all_families([int(size) for size in sys.argv[1:]]))))
