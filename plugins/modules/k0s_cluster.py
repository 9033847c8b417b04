"""Documentation of the action plugin capra.machine.k0s_cluster; nothing here runs on a host."""

from __future__ import annotations

DOCUMENTATION = r"""
module: k0s_cluster
short_description: A join token, the kubeconfig or the nodes of a k0s cluster, asked of a controller
description:
  - Asks a running controller of k0s in one round trip, or brings a join token to a host that is to join.
  - The host needs a POSIX shell, and no Python.
  - The answer is a secret. It is no part of the result, but goes to a file on the control node.
version_added: 0.1.0
options:
  question:
    description:
      - What is asked.
      - V(token), V(kubeconfig) and V(nodes) are asked of a controller. Each node is a line with its name, and C(True)
        where it is ready.
      - V(join) brings the token in O(token_file) to C(/run/capra-join/token) of a host that has not joined.
    type: str
    required: true
    choices: [token, kubeconfig, nodes, join]
  role:
    description: What the token is for.
    type: str
    choices: [controller, worker]
    default: worker
  expiry:
    description: How long the token is valid.
    type: str
    default: 1h
  binary:
    description: The path of k0s on the host.
    type: str
    default: /usr/local/bin/k0s
  data_dir:
    description: The data directory of k0s.
    type: str
    default: /var/lib/k0s
  uid:
    description: UID of the machine that the host is for. A host that another machine uses gets no token;
      with neither this nor O(name) nobody looks.
    type: str
    default: ""
  name:
    description: Name of that machine.
    type: str
    default: ""
  token_file:
    description: File on the control node with the token.
    type: str
    default: ""
  answer_file:
    description: File on the control node for the answer. It is written with mode 0600.
    type: str
    default: ""
attributes:
  check_mode:
    description: The task is skipped.
    support: none
  diff_mode:
    description: Nothing is shown.
    support: none
author:
  - The Capra authors (@capra-project)
"""

EXAMPLES = r"""
- name: Ask a controller for a join token
  capra.machine.k0s_cluster:
    question: token
    role: worker
    answer_file: /dev/shm/token
"""

RETURN = r"""
msg:
  description: What has been asked; never the answer.
  returned: always
  type: str
"""
