"""Helm over the charts of the checkout."""

from __future__ import annotations

import json
import os
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from tests.component.deploy.conftest import ROOT
from tests.controlplane import ControlPlane, assets
from tests.controlplane.errors import Unavailable
from tests.missing import missing
from tests.support.waiting import Wait, wait_until

CHARTS = ROOT / "deploy" / "charts"
PROVIDER = {"cluster.x-k8s.io/provider": "infrastructure-capra"}
HELMS = ("app.kubernetes.io/", "helm.sh/")
"""What the labels of charts begin with."""


@dataclass(frozen=True)
class Helm:
    """The program with a home of its own."""

    home: Path

    def run(
        self, *arguments: str | Path, plane: ControlPlane | None = None, directory: Path | None = None, code: int = 0
    ) -> str:
        """Its standard output, or standard error where it is to fail. directory: where it runs; its home by default."""
        try:
            program = assets.helm()
        except Unavailable as error:
            missing(str(error))
        environment = {"HOME": str(self.home), "PATH": os.environ["PATH"]}
        if plane is not None:
            environment["KUBECONFIG"] = str(plane.kubeconfig)
        command = [program, *arguments]
        done = subprocess.run(
            command,
            cwd=directory or self.home,
            env=environment,
            capture_output=True,
            text=True,
            check=False,
            timeout=180,
        )
        assert done.returncode == code, f"{done.stdout}\n{done.stderr}"
        return done.stderr if code else done.stdout

    def template(self, chart: Path, values: dict[str, Any] | None = None) -> list[dict[str, Any]]:
        """The objects that a chart makes of values, as release `demo` in the namespace capra-system."""
        given = self.home / "values.json"
        given.write_text(json.dumps(values or {}))
        text = self.run("template", "demo", chart, "--namespace", "capra-system", "--values", given)
        return [one for one in yaml.safe_load_all(text) if one]


def place(raw: dict[str, Any]) -> tuple[str, str]:
    """Kind and name."""
    return raw["kind"], raw["metadata"]["name"]


def one(objects: list[dict[str, Any]], kind: str, name: str) -> dict[str, Any]:
    """The object of this kind and name."""
    [found] = [raw for raw in objects if place(raw) == (kind, name)]
    return found


def without_helm(raw: dict[str, Any]) -> dict[str, Any]:
    """An object without what charts add to its metadata."""
    metadata = dict(raw["metadata"])
    for field in ("labels", "annotations"):
        kept = {name: value for name, value in metadata.pop(field, {}).items() if not name.startswith(HELMS)}
        metadata |= {field: kept} if kept else {}
    return {**raw, "metadata": metadata}


def wait_for_crds(plane: ControlPlane) -> None:
    """Until all of them are served."""

    def served() -> bool:
        conditions = [crd.get("status", {}).get("conditions") or [] for crd in plane.get("crds")["items"]]
        return all(
            {"Established": "True"}.items() <= {one["type"]: one["status"] for one in of}.items() for of in conditions
        )

    wait_until(served, Wait("all CRDs are established", 60))
