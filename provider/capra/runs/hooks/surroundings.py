"""What a user's playbook finds on this side: its files, Ansible's settings, collections, and nothing of the caller."""

from __future__ import annotations

import os
import sys
from collections.abc import MutableMapping
from pathlib import Path

from capra.model.run import RunRequest
from capra.runs.directory.private import write_private
from capra.runs.paths import collections_path

PLAYBOOK = "hook.yml"
HOME = "home"
"""In the private directory, and not the caller's `~`."""

KEPT = frozenset({"PATH", "LANG", "LANGUAGE", "TZ", "PYTHONPATH", "PYTHONDONTWRITEBYTECODE"})
"""Variables of the environment, beside those of the locale (`LC_…`), that say nothing of a cluster, nor of a person."""

SHARED = Path("/usr/share/ansible/collections")
BUILT_IN = frozenset({"ansible.builtin", "ansible.legacy"})


def forget_caller(environment: MutableMapping[str, str], directory: Path) -> None:
    """Take away what is the caller's: the address and the token of a cluster, proxies with passwords, agents of keys.
    directory: the run's private one."""
    for name in list(environment):
        if name not in KEPT and not name.startswith("LC_"):
            del environment[name]
    environment.update(HOME=str(directory / HOME), TMPDIR=str(directory / "tmp"))


def lay_out_hook(directory: Path, request: RunRequest) -> None:
    """The playbook, and a home with nothing in it."""
    (directory / HOME).mkdir(mode=0o700)
    write_private(directory / "project" / PLAYBOOK, request.secrets.hook.encode())


def own_collections() -> Path:
    """Where a person's collections are, as ansible-galaxy installs them."""
    return Path("~/.ansible/collections").expanduser()


def hook_environment(home: Path) -> dict[str, str]:
    """Ansible's settings that differ from those of Capra's own playbooks, as a person would have them. home: see
    `own_collections`, asked before the caller is forgotten."""
    return {
        "ANSIBLE_COLLECTIONS_PATH": os.pathsep.join(map(str, (collections_path(), home, SHARED))),
        "ANSIBLE_GATHERING": "implicit",
    }


def has_collection(name: str) -> bool:
    """The collection is there for the playbooks of users: in Capra's own place, a person's, the shared one, or beside
    Ansible itself."""
    places = (collections_path(), own_collections(), SHARED, *map(Path, sys.path))
    return name in BUILT_IN or any(
        (place / "ansible_collections" / Path(*name.split("."))).is_dir() for place in places
    )
