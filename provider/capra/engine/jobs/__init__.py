"""Hosts that a Kubernetes Job reaches. Pure."""
