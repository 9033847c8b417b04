"""Variables on their way to Ansible: every value arrives with the type that it has here, and no string is a template.

The form is JSON, which every ansible-core of the supported range tries first for files of variables and inventories
alike; `{"__ansible_unsafe": TEXT}` is its own for a string that is never a template. YAML's tag `!unsafe` is not used:
what stands behind it is read as if it stood there plain, so that `true`, `1.5` and dates are no strings any more.
"""

from __future__ import annotations

import json
from typing import Any

UNSAFE = "__ansible_unsafe"


def dump_variables(value: Any) -> bytes:
    """A document for Ansible. value: mappings, lists, strings, numbers, booleans; keys stay as they are. Raises
    ValueError for a number that JSON does not have."""
    return json.dumps(_unsafe(value), allow_nan=False).encode()


def _unsafe(value: Any) -> Any:
    if isinstance(value, str):
        return {UNSAFE: value}
    if isinstance(value, dict):
        return {key: _unsafe(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_unsafe(item) for item in value]
    return value
