"""What a benchmark ran on: without it, no figure says anything."""

from __future__ import annotations

import datetime
import importlib.metadata
import os
import platform
import subprocess
from collections.abc import Mapping
from pathlib import Path

from tests.controlplane import assets

ROOT = Path(__file__).resolve().parents[1]
PACKAGES = ("ansible-core", "ansible-runner", "kopf", "kubernetes")


def facts() -> dict[str, object]:
    """Of this machine and checkout, now: taken before anything is measured, for the load is one of them."""
    return {
        "when": datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
        "commit": _said("git", "-C", str(ROOT), "describe", "--always", "--dirty"),
        "cores": len(os.sched_getaffinity(0)),
        "processor": _field("/proc/cpuinfo", "model name"),
        "memory_mb": int(_field("/proc/meminfo", "MemTotal").split()[0]) // 1024,
        "kernel": platform.release(),
        "load_before": [round(load, 2) for load in os.getloadavg()],
        "python": platform.python_version(),
        "ssh": _said("ssh", "-V"),
        "kube_apiserver": assets.KUBERNETES_VERSION,
        "packages": {name: importlib.metadata.version(name) for name in PACKAGES},
    }


def caption(told: Mapping[str, object]) -> str:
    """The most of them, as a line."""
    load = told["load_before"][0] if isinstance(told["load_before"], list) else "?"
    return f"{told['commit']}, {told['cores']} cores, Linux {told['kernel']}, load before {load}"


def _said(*command: str) -> str:
    """What a program says of itself; empty where it cannot."""
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=30)
    except OSError:
        return ""
    return (done.stdout + done.stderr).strip() if done.returncode == 0 else ""


def _field(path: str, name: str) -> str:
    """The first value of that name in a file of /proc."""
    for line in Path(path).read_text().splitlines():
        key, _, value = line.partition(":")
        if key.strip() == name:
            return value.strip()
    return ""
