"""Cluster API's managers in a test control plane: its core, and its kubeadm providers."""
