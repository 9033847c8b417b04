"""`python3 -m tests.component.bootstrap`: save what Cluster API's controllers write as the documents of the tests."""

from __future__ import annotations

from tests.component.bootstrap.kubeadm import Clusters, write_all
from tests.controlplane import ClusterApi, ControlPlane, Kubeadm
from tests.controlplane.assets import CLUSTER_API_VERSION
from tests.controlplane.crds import install_capra
from tests.support.documents import save

MADE_BY = (
    f"Written by the controllers of Cluster API {CLUSTER_API_VERSION}, saved by `python3 -m tests.component.bootstrap`;"
    " tokens, certificates and keys are replaced."
)


def main() -> None:
    with ControlPlane.up() as plane, ClusterApi.up(plane) as core, Kubeadm.up(plane) as kubeadm:
        install_capra(plane)
        for document in write_all(Clusters(plane, core, kubeadm)):
            print(save(document, MADE_BY))


if __name__ == "__main__":
    main()
