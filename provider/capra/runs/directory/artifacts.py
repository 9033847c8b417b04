"""Keeps ansible-runner's artifacts of a run for people to read, without the secrets."""

from __future__ import annotations

import json
import time
from pathlib import Path

from capra.model.run import RunRequest
from capra.runs.directory.private import write_private
from capra.runs.redaction.redact import Redactor

PRIVATE_NAMES = frozenset({"command", "fact_cache"})
"""Not kept: the command holds the whole environment of whoever started the run."""


def keep_artifacts(source: Path, target: Path, request: RunRequest) -> Path:
    """Copy the artifacts below `target/<namespace>.<name>/<time>-<playbook>/`, redacted; of the
    user's own it is `hook-<name>`. Returns that directory."""
    redactor = Redactor.of(request.secrets)
    stamp = time.strftime("%Y%m%dT%H%M%S", time.gmtime())
    what = f"{request.playbook}-{request.hook}" if request.hook else request.playbook
    place = target / f"{request.key.namespace}.{request.key.name}" / f"{stamp}-{what}"
    for file in sorted(source.rglob("*")):
        name = file.relative_to(source)
        if file.is_dir() or name.parts[0] in PRIVATE_NAMES:
            continue
        (place / name).parent.mkdir(parents=True, exist_ok=True)
        text = file.read_text("utf-8", "replace")
        if file.suffix == ".json":
            text = json.dumps(redactor.data(json.loads(text)), indent=2)
        write_private(place / name, redactor.text(text).encode())
    return place
