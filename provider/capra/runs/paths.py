"""Where the Ansible collection capra.machine is, and where a run's private directory goes."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

import capra
from capra.errors import Fatal

COLLECTION = Path("ansible_collections", "capra", "machine")


def collections_path() -> Path:
    """A directory for ANSIBLE_COLLECTIONS_PATH that holds capra.machine: inside the installed package, or the
    checkout's own. Raises Fatal when neither is there."""
    package = Path(capra.__file__).parent
    for candidate in (package / "ansible", package.parents[1] / ".collections"):
        if (candidate / COLLECTION / "playbooks").is_dir():
            return candidate
    raise Fatal(f"the Ansible collection capra.machine is not beside the package in {package}", "BrokenInstallation")


ANSIBLE_HOME = Path(__file__).with_name("ansible_home")
"""Ansible's own directory, the same for all runs, for the settings that have no environment variable. Ansible would
look for plugins there, too; nothing is written there."""

BOUNDED_SSH = Path(__file__).with_name("ssh") / "bounded_ssh.sh"
"""What Ansible calls for ssh; its program is `$CAPRA_PYTHON`."""

RELAY_SSH = Path(__file__).with_name("jobs") / "relay_ssh.sh"
"""What Ansible calls for ssh where a Job reaches the host; its directory is `$CAPRA_RELAY`."""

ASKPASS = Path(__file__).with_name("ssh") / "askpass.sh"
"""What OpenSSH asks for a password (SSH_ASKPASS); `$CAPRA_ASKPASS` is where the answer is."""


BASTION_SSH = Path(__file__).with_name("ssh") / "bastion_ssh.sh"
"""What OpenSSH calls to get through a bastion (ProxyCommand), given to a shell."""


KNOWN_KEY = Path(__file__).with_name("ssh") / "known_key.sh"
"""What OpenSSH asks whether a key has one of the pinned fingerprints (KnownHostsCommand), given to a shell."""


def private_base() -> Path:
    """Where private directories are made: memory-backed where there is such a place.

    `$XDG_RUNTIME_DIR` belongs to this user and is a tmpfs; `/dev/shm` is a tmpfs; the temporary directory is the last
    resort.
    """
    candidates = (os.environ.get("XDG_RUNTIME_DIR", ""), "/dev/shm", tempfile.gettempdir())
    for candidate in candidates:
        if candidate and os.path.isdir(candidate) and os.access(candidate, os.W_OK | os.X_OK):
            return Path(candidate)
    return Path(tempfile.gettempdir())
