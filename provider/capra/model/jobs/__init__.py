"""Machines that a Kubernetes Job reaches, in place of Capra's own SSH."""
