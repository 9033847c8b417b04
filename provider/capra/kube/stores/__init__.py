"""The engine's ports, over the Kubernetes API."""
