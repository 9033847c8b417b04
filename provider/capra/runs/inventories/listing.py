"""What an inventory of Ansible holds, in whatever form it is written: ansible-inventory reads it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from typing import Any

from capra.errors import InputError
from capra.inventory.ansible import Literal

SECONDS = 120
"""An inventory may be a program, or ask a cloud."""

_STRICT = {"ANSIBLE_INVENTORY_ANY_UNPARSED_IS_FAILED": "True", "ANSIBLE_NOCOLOR": "1"}
_NOISE = ("[WARNING]: ", "[ERROR]: ", "ERROR! ")


def list_inventory(path: str, limit: str = "") -> dict[str, dict[str, Any]]:
    """The variables of each host, those of its groups among them; templates are not rendered, and text that is
    marked as none is Literal. The caller's own configuration of Ansible counts. limit: a pattern of hosts and groups;
    empty for all.

    Raises InputError with the last line that Ansible says.
    """
    subject = f"--inventory {path}"
    if not os.path.exists(path):
        raise InputError("cannot be read: No such file or directory", subject=subject)
    command = [sys.executable, "-m", "ansible", "inventory", "-i", path, "--list"]
    command += ["--limit", limit] if limit else []
    try:
        done = subprocess.run(
            command, env=os.environ | _STRICT, capture_output=True, text=True, timeout=SECONDS, check=False
        )
    except subprocess.TimeoutExpired:
        raise InputError(f"ansible-inventory has not ended within {SECONDS} s", subject=subject) from None
    if done.returncode:
        raise InputError(f"cannot be used: {_telling(done.stderr)}", subject=subject)
    listed = json.loads(done.stdout, object_hook=_unmarked)
    found: dict[str, dict[str, Any]] = listed["_meta"]["hostvars"]
    members = {host for group in listed.values() for host in group.get("hosts", ())}
    hosts = {name: found.get(name, {}) for name in sorted(members | found.keys())}
    if not hosts:
        raise InputError(f"has no host{f' that {limit} stands for' if limit else ''}", subject=subject)
    return hosts


def _unmarked(value: dict[str, Any]) -> Any:
    """ansible-inventory marks text that is no template: what `!unsafe` says, or a plugin has not called trusted."""
    return Literal(value["__ansible_unsafe"]) if value.keys() == {"__ansible_unsafe"} else value


def _telling(stderr: str) -> str:
    """The first line that says what is wrong, without Ansible's mark."""
    lines = [line.strip() for line in stderr.splitlines() if line.strip()]
    marked = [line for line in lines if line.startswith(_NOISE)] or lines or ["no reason was given"]
    line = marked[0]
    for mark in _NOISE:
        line = line.removeprefix(mark)
    return line
