"""Test hosts: real Linux machines in seconds, and gone without a trace. See README.md."""

from .errors import HostError, Unavailable
from .group import Hosts
from .host import Host

__all__ = ["Host", "HostError", "Hosts", "Unavailable"]
