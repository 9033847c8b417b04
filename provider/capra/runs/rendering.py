"""Templates rendered in a process of their own: whoever writes one may let it take all time and memory there is.

The process gets JSON with `text` and `variables` on its standard input, and writes JSON with `text`, or with `line` and
`problem`.
"""

from __future__ import annotations

import json
import os
import resource
import signal
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from capra.bootstrap.templates.jinja import Unrenderable, render
from capra.errors import Retry

SECONDS = 5
"""Of processor time for one document. An ordinary one takes some milliseconds."""

MEMORY = 512 * 2**20
"""Bytes for the process."""

PATIENCE = 60.0
"""Seconds until it is ended however little it has computed."""

_ROOT = str(Path(__file__).parents[__name__.count(".")])
"""The directory that this module is imported from: the package may be a copy in a collection, under another name."""

TOO_LONG = f"takes more than {SECONDS} s of processor time to render"


def render_within_bounds(text: str, variables: Mapping[str, Any]) -> str:
    """`capra.bootstrap.templates.jinja.render` within SECONDS and MEMORY. Raises Unrenderable, and Retry for what is
    not the template's fault."""
    try:
        done = subprocess.run(
            [sys.executable, "-P", "-m", __name__],
            input=json.dumps({"text": text, "variables": variables}).encode(),
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            timeout=PATIENCE,
            check=False,
            env=_environment(),
        )
    except subprocess.TimeoutExpired:
        raise Retry("templates take long to render: the machine is busy") from None
    if done.returncode == -signal.SIGXCPU:
        raise Unrenderable(0, TOO_LONG)
    if done.returncode:
        raise Retry(f"the process that renders templates has ended with status {done.returncode}")
    said = json.loads(done.stdout)
    if "text" not in said:
        raise Unrenderable(said["line"], said["problem"])
    return str(said["text"])


def _environment() -> dict[str, str]:
    """Of the process: nothing of this one's but what it needs to begin."""
    kept = {name: os.environ[name] for name in ("PATH", "LANG") if name in os.environ}
    paths = (_ROOT, os.environ.get("PYTHONPATH", ""))
    return kept | {"PYTHONPATH": os.pathsep.join(path for path in paths if path)}


def main() -> None:
    """The process."""
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    resource.setrlimit(resource.RLIMIT_CPU, (SECONDS, SECONDS + 1))
    asked = json.load(sys.stdin)
    said: dict[str, Any]
    try:
        said = {"text": render(asked["text"], asked["variables"])}
    except Unrenderable as error:
        said = {"line": error.line, "problem": error.problem}
    json.dump(said, sys.stdout)


if __name__ == "__main__":
    main()
