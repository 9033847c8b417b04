"""The tool's own tests use its own fixtures."""

from .fixtures import host, hosts, standin

__all__ = ["host", "hosts", "standin"]
