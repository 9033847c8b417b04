"""Ansible's `diff` for written files. Content that only its owner may read on the host is not shown. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ansible_collections.capra.machine.plugins.plugin_utils.parts import Part

LIMIT = 65536
"""Bytes of a file that a diff shows at most. Where there are many, the host tells less of what stood there before."""
OTHERS = 0o077


def _shown(part: Part, content: bytes) -> str:
    mode = 0o644 if part.mode == "-" else int(part.mode, 8)
    if not mode & OTHERS:
        return f"(content of a file with mode {part.mode} is not shown)\n"
    return content[:LIMIT].decode("utf-8", "replace")


def _entry(step: Mapping[str, Any], part: Part, before: bytes | None, told: int) -> dict[str, str]:
    """told: bytes of an earlier content that the host tells at most; of a longer one, the end."""
    old = before or b""
    if len(old) >= told:
        old = b"(content of %d bytes or more is not shown)\n" % told
    new = old + part.content if part.kind == "append" else part.content
    shown = {
        "before": "" if before is None else _shown(part, old),
        "after": _shown(part, new),
    }
    return shown | {"before_header": str(step["path"]), "after_header": str(step["path"])}


def written(
    steps: Sequence[Mapping[str, Any]], parts: Sequence[Part], before: Mapping[int, bytes], told: int = LIMIT
) -> list[dict[str, str]]:
    """For a run: each file against what stood there before it."""
    pairs = enumerate(zip(steps, parts, strict=True))
    return [_entry(step, part, before.get(n), told) for n, (step, part) in pairs if part.kind in ("write", "append")]


def planned(
    steps: Sequence[Mapping[str, Any]],
    parts: Sequence[Part],
    before: Mapping[int, bytes],
    would: Mapping[int, str],
    told: int = LIMIT,
) -> list[dict[str, str]]:
    """For a check run: the files that would be created or changed."""
    wanted = {number for number, what in would.items() if what in ("create", "change")}
    pairs = enumerate(zip(steps, parts, strict=True))
    return [_entry(step, part, before.get(n), told) for n, (step, part) in pairs if n in wanted]
