"""Capra's CRDs in the place of the reference's, with objects present."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from typing import Any

import pytest
import yaml

from tests.component.crds.support import (
    CRDS,
    REFERENCE,
    VERSIONS,
    crds,
    full_machine,
    lost,
    read,
    reference_objects,
    version_of,
    write,
    write_status,
)
from tests.controlplane import ControlPlane, ControlPlaneError
from tests.controlplane.crds import install_capra

WEBHOOK = {
    "strategy": "Webhook",
    "webhook": {
        "clientConfig": {"service": {"name": "webhook-service", "namespace": "k0smotron", "path": "/convert"}},
        "conversionReviewVersions": ["v1beta1", "v1beta2"],
    },
}
CONVERTED = ("RemoteMachine", "PooledRemoteMachine")
"""The kinds that the reference converts by a webhook."""

Raw = dict[str, Any]


def reference_crds(stored: str = "v1beta2") -> list[Raw]:
    found = list(yaml.safe_load_all(REFERENCE.read_text()))
    for version in (version for crd in found for version in crd["spec"]["versions"]):
        version["storage"] = version["name"] == stored
    return found


def wait(plane: ControlPlane) -> None:
    plane.kubectl("wait", "--for=condition=Established", "crd", "--all", "--timeout=60s")


@pytest.mark.parametrize("stored", VERSIONS)
def test_objects_outlive_the_change_of_crds(own_control_plane: ControlPlane, stored: str) -> None:
    plane = own_control_plane
    plane.apply(reference_crds(stored), "--server-side")
    wait(plane)
    # No webhook converts here: an object is kept whole only in the version that is stored.
    objects = [one for one in reference_objects() if version_of(one) == stored]
    for one in objects:
        write(plane, "default", one)
    before = [read(plane, "default", one) for one in objects]

    plane.apply(crds().values(), "--server-side", "--force-conflicts")
    wait(plane)

    for one, old in zip(objects, before, strict=True):
        for version in VERSIONS:
            found = read(plane, "default", one, version)
            assert lost({**old, "apiVersion": found["apiVersion"]}, found) == []
    machine = full_machine(stored)
    write_status(plane, "default", machine, {"ready": True, "phase": "Provisioned"})
    assert read(plane, "default", machine)["status"]["phase"] == "Provisioned"
    kept = {crd["metadata"]["name"]: crd["status"]["storedVersions"] for crd in plane.get("crds")["items"]}
    assert list(kept.values()) == [["v1beta2"] if stored == "v1beta2" else ["v1beta1", "v1beta2"]] * 5


INSTALLED = {
    "kubectl apply": ("apply", "-f", "-"),
    "kubectl create": ("create", "-f", "-"),
    "another's server-side apply": ("apply", "-f", "-", "--server-side", "--field-manager=another"),
}


def install_with_webhooks(plane: ControlPlane, command: tuple[str, ...]) -> None:
    """The reference's CRDs with the webhook that converts them."""
    found = reference_crds()
    for crd in found:
        if crd["spec"]["names"]["kind"] in CONVERTED:
            crd["spec"]["conversion"] = WEBHOOK
    plane.kubectl(*command, stdin=yaml.safe_dump_all(found))
    wait(plane)


def conversions(plane: ControlPlane) -> list[Raw]:
    return [crd["spec"]["conversion"] for crd in plane.get("crds")["items"]]


@pytest.mark.parametrize("installed", INSTALLED.values(), ids=list(INSTALLED))
def test_apply_takes_the_references_conversion_webhook_away(
    own_control_plane: ControlPlane, installed: tuple[str, ...]
) -> None:
    install_with_webhooks(own_control_plane, installed)
    for path in sorted(CRDS.glob("*.yaml")):
        own_control_plane.apply(path)
    assert conversions(own_control_plane) == [{"strategy": "None"}] * 5


def apply_server_side(plane: ControlPlane) -> None:
    plane.apply(crds().values(), "--server-side", "--force-conflicts")


def apply_as_clusterctl(plane: ControlPlane) -> None:
    """A merge patch with the whole CRD, which has been through Go's types: there, null is nothing (Cluster API v1.13.6,
    `fixCRDWebhookNamespaceReference` and `createObj`)."""
    for crd in crds().values():
        crd["spec"]["conversion"].pop("webhook", None)
        plane.kubectl("patch", "crd", crd["metadata"]["name"], "--type=merge", "--patch", json.dumps(crd))


@pytest.mark.parametrize("install", [apply_server_side, apply_as_clusterctl])
def test_other_clients_need_the_documented_patch_first(
    own_control_plane: ControlPlane, install: Callable[[ControlPlane], None]
) -> None:
    install_with_webhooks(own_control_plane, INSTALLED["another's server-side apply"])
    with pytest.raises(ControlPlaneError, match="should not be set when strategy is not set to Webhook"):
        install(own_control_plane)
    text = (CRDS.parent / "docs" / "reference" / "api.md").read_text()
    [patch] = re.findall(r"--patch '(.+)'", text)
    for kind in CONVERTED:
        own_control_plane.kubectl("patch", "crd", crds()[kind]["metadata"]["name"], "--type=merge", "--patch", patch)
    install(own_control_plane)
    assert conversions(own_control_plane) == [{"strategy": "None"}] * 5


def test_a_new_installation_by_either_apply_converts_nothing(own_control_plane: ControlPlane) -> None:
    install_capra(own_control_plane)
    assert conversions(own_control_plane) == [{"strategy": "None"}] * 5
    own_control_plane.apply(crds().values(), "--force-conflicts", "--server-side")
    assert conversions(own_control_plane) == [{"strategy": "None"}] * 5
