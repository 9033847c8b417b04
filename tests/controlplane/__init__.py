"""A real control plane for tests: kube-apiserver, etcd, Cluster API's manager and clusterctl. README.md says how."""

from .errors import ControlPlaneError, Unavailable
from .managers.cluster_api import ClusterApi
from .managers.kubeadm import Kubeadm
from .plane import ControlPlane

__all__ = ["ClusterApi", "ControlPlane", "ControlPlaneError", "Kubeadm", "Unavailable"]
