"""The tool's own tests use its own fixtures."""

from .fixtures import host, hosts

__all__ = ["host", "hosts"]
