"""A real control plane for tests: kube-apiserver, etcd, Cluster API's manager and clusterctl. README.md says how."""

from .cluster_api import ClusterApi
from .errors import ControlPlaneError, Unavailable
from .kubeadm import Kubeadm
from .plane import ControlPlane

__all__ = ["ClusterApi", "ControlPlane", "ControlPlaneError", "Kubeadm", "Unavailable"]
