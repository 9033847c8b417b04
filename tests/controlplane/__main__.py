"""`python3 -m tests.controlplane`: build the programs once, or have a control plane to try things with."""

from __future__ import annotations

import argparse
import contextlib
import signal
import sys
import time

from . import build
from .crds import install_capra, install_cluster_api
from .errors import ControlPlaneError, Unavailable
from .managers.cluster_api import ClusterApi
from .plane import ControlPlane

UNAVAILABLE = 69
"""Exit status where this machine cannot (EX_UNAVAILABLE); 1: it should have; 2: wrong arguments."""


def main(arguments: list[str] | None = None) -> int:
    top = argparse.ArgumentParser(prog="python3 -m tests.controlplane", description=__doc__)
    commands = top.add_subparsers(dest="command", required=True)
    commands.add_parser(
        "assets", help="build kube-apiserver, etcd, kubectl, Cluster API's managers, clusterctl and Helm"
    )
    up = commands.add_parser("up", help="a control plane with Capra's and Cluster API's CRDs, until Ctrl-C")
    up.add_argument("--no-manager", action="store_true", help="without Cluster API's manager and webhooks")
    options = top.parse_args(arguments)
    try:
        return assets() if options.command == "assets" else run(manager=not options.no_manager)
    except Unavailable as error:
        print(f"unavailable: {error}", file=sys.stderr)
        return UNAVAILABLE
    except ControlPlaneError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1


def assets() -> int:
    for ensure in (build.ensure_kubernetes, build.ensure_cluster_api, build.ensure_kubeadm, build.ensure_helm):
        began = time.monotonic()
        print(f"{ensure()} ({time.monotonic() - began:.1f} s)", flush=True)
    return 0


def run(*, manager: bool) -> int:
    with ControlPlane.up() as plane, contextlib.ExitStack() as stack:
        if manager:
            stack.enter_context(ClusterApi.up(plane))
        else:
            install_cluster_api(plane)
        install_capra(plane)
        print(f"export KUBECONFIG={plane.kubeconfig}", flush=True)
        signal.sigwait({signal.SIGINT, signal.SIGTERM})
    return 0


if __name__ == "__main__":
    sys.exit(main())
