"""What is asked of the hosts of a cluster, as runs. Pure. Their answers are secrets (docs/decisions/0036)."""

from __future__ import annotations

from dataclasses import replace

from capra.clusters.cluster import ClusterHost
from capra.engine.redaction.hidden import Hidden
from capra.engine.requests import PlanOptions, hiding, host_uid, new_request
from capra.model.observation import Observation
from capra.model.run import Playbook, RunRequest

EXPIRY_SECONDS = 3600
"""That a join token is valid."""

SECONDS = 60
"""That an answer may take; k0s itself tries for a while."""


def ask_token(observation: Observation, host: ClusterHost, role: str, options: PlanOptions) -> RunRequest:
    """A join token, of the first controller. role: of whoever joins, controller or worker."""
    return _question(observation, host, options, {"question": "token", "role": role, "expiry": f"{EXPIRY_SECONDS}s"})


def ask_kubeconfig(observation: Observation, host: ClusterHost, options: PlanOptions) -> RunRequest:
    """The kubeconfig of its administrator."""
    return _question(observation, host, options, {"question": "kubeconfig"})


def ask_nodes(observation: Observation, host: ClusterHost, options: PlanOptions) -> RunRequest:
    """Its Nodes, for `nodes.parse_nodes`."""
    return _question(observation, host, options, {"question": "nodes"})


def bring_token(observation: Observation, host: ClusterHost, token: str, options: PlanOptions) -> RunRequest:
    """The token to a host that is to join. One that another machine uses gets none, unless it is to be taken over."""
    key = observation.machine.key
    owner = {} if options.take_over else {"uid": host_uid(observation), "name": f"{key.namespace}/{key.name}"}
    request = _question(observation, host, options, {"question": "join", **owner})
    return replace(
        request, secrets=hiding(replace(request.secrets, join_token=token), Hidden(credentials=frozenset({token})))
    )


def _question(observation: Observation, host: ClusterHost, options: PlanOptions, values: dict[str, str]) -> RunRequest:
    variables = {**values, "binary": host.binary, "data_dir": host.data_dir}
    prefixed = {f"k0s_cluster_{name}": value for name, value in variables.items()}
    # No artifacts: nothing of it is worth keeping.
    return replace(new_request(observation, options, Playbook.K0S_CLUSTER, prefixed, SECONDS), artifacts="")
