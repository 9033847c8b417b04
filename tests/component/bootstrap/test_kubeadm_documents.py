"""The saved documents of kubeadm are what Cluster API's own controllers write."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.component.bootstrap.kubeadm import Clusters, write_all
from tests.controlplane.crds import install_capra
from tests.controlplane.fixtures import bring_up, bring_up_cluster_api, bring_up_kubeadm
from tests.support.documents import Document, load_all

SAVED = {document.name: document for document in load_all() if document.name.startswith("kubeadm-")}


@pytest.fixture(scope="module")
def written() -> Iterator[dict[str, Document]]:
    """All of them, written now."""
    with bring_up() as plane, bring_up_cluster_api(plane) as core, bring_up_kubeadm(plane) as kubeadm:
        install_capra(plane)
        yield {document.name: document for document in write_all(Clusters(plane, core, kubeadm))}


def test_all_are_saved(written: dict[str, Document]) -> None:
    assert set(SAVED) == set(written)


@pytest.mark.parametrize("name", SAVED)
def test_it_is_what_the_controllers_write(written: dict[str, Document], name: str) -> None:
    # If this fails after an update of Cluster API: `python3 -m tests.component.bootstrap` saves them anew.
    assert written[name] == SAVED[name]
