"""Documentation of the action plugin capra.machine.preflight; nothing here runs on a host."""

from __future__ import annotations

DOCUMENTATION = r"""
module: preflight
short_description: What to know of a host before it joins a cluster, in one round trip
description:
  - Collects facts with one shell program that writes nothing on the host, and judges each of them.
  - The host needs a POSIX shell and coreutils or busybox, and no Python.
  - Where become does not work, the host is asked once more without it, and a finding tells why.
version_added: 0.1.0
options:
  role:
    description: What the host is to become.
    type: str
    choices: [any, controller, worker]
    default: any
  memory:
    description: MiB of memory that are needed. 0 means what O(role) needs.
    type: int
    default: 0
  disk:
    description: MiB that must be free below C(/var/lib).
    type: int
    default: 2048
  clock_skew:
    description: Seconds that the host's clock may differ from ours. A tenth of it, at least 2, is a warning.
    type: float
    default: 30.0
  ports:
    description: Ports that must be free. Empty means those of O(role).
    type: list
    elements: int
    default: []
  python:
    description: Tell whether there is a Python, which modules of Ansible need.
    type: bool
    default: false
attributes:
  check_mode:
    description: It only reads, so a check run does the same.
    support: full
  diff_mode:
    description: Nothing changes.
    support: none
author:
  - The Capra authors (@capra-project)
"""

EXAMPLES = r"""
- name: Look at a host that is to become a worker
  capra.machine.preflight:
    role: worker
  register: looked
"""

RETURN = r"""
findings:
  description: What was looked at, each with C(name), C(level) (ok, warning or error), C(value), C(message), C(advice).
  returned: when the host has answered
  type: list
  elements: dict
facts:
  description: What the host said of itself, by name.
  returned: when the host has answered
  type: dict
errors:
  description: How many findings are errors.
  returned: when the host has answered
  type: int
warned:
  description: How many findings are warnings.
  returned: when the host has answered
  type: int
report:
  description: One line a finding, for people.
  returned: when the host has answered
  type: list
  elements: str
claimed:
  description: The machine that uses the host, with C(uid), C(name) and C(since), as it is noted there.
  returned: when a machine uses the host
  type: dict
host:
  description: The host's name in the inventory.
  returned: when the host has answered
  type: str
"""
