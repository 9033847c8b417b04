"""What the parent and the worker of a run say to each other: one JSON document a line.

To the worker: the request, then nothing; the end of its input means that nobody waits for it any more.
From the worker: `directory`, `contacting` when a task begins that contacts the host, `progress` and `output` as they
come, then one `result`.
"""

from __future__ import annotations

import base64
import json
from dataclasses import asdict, replace
from typing import Any

from capra.model.bastion import Bastion
from capra.model.jobs.job import JobWay, ProvisionJob
from capra.model.machine import MachineKey
from capra.model.run import Connection, Playbook, RunRequest, RunResult, RunSecrets, TaskEvent

RESULT_LIMIT = 32 * 1024 * 1024
"""Bytes of a result. Its parent reads twice as much in one line, and no more."""


def dump_result(result: RunResult) -> dict[str, Any]:
    """The result in its JSON form. One that is too long loses its events, which is never success, and says so."""
    values = asdict(result)
    length = len(json.dumps(values))
    if length <= RESULT_LIMIT:
        return values
    said = f"the run's result is {length} bytes long, and at most {RESULT_LIMIT} are taken; bring back less output"
    return asdict(replace(result, events=(), stats=None, output=said))


def dump_request(request: RunRequest) -> bytes:
    """The request as a line. Secrets travel through this pipe only."""
    values = asdict(request)
    values["secrets"]["steps"] = base64.b64encode(request.secrets.steps).decode()
    return json.dumps(values).encode() + b"\n"


def load_request(line: bytes) -> RunRequest:
    """The other way round."""
    values: dict[str, Any] = json.loads(line)
    secrets = values["secrets"]
    secrets["steps"] = base64.b64decode(secrets["steps"])
    listed = ("hidden", "credentials", "wholes", "further_keys", "given_keys", "certificates")
    for name in (*listed, "bastion_keys", "bastion_certificates"):
        secrets[name] = tuple(secrets[name])
    connection = values["connection"]
    connection["host_keys"] = tuple(connection["host_keys"])
    bastions = [Bastion(**one | {"host_keys": tuple(one["host_keys"])}) for one in connection["bastions"]]
    connection["bastions"] = tuple(bastions)
    if (job := connection["job"]) is not None:
        connection["job"] = JobWay(**job | {"asked": ProvisionJob(**job["asked"])})
    return RunRequest(
        **values
        | {
            "key": MachineKey(**values["key"]),
            "playbook": Playbook(values["playbook"]),
            "connection": Connection(**connection),
            "notes": tuple(values["notes"]),
            "accept_bastion_keys": tuple(values["accept_bastion_keys"]),
            "secrets": RunSecrets(**secrets),
        }
    )


def load_result(values: dict[str, Any]) -> RunResult:
    """A RunResult from its JSON form."""
    events = tuple(TaskEvent(**event) for event in values["events"])
    listed = {name: tuple(values[name]) for name in ("host_keys", "bastion_keys", "bastions_said")}
    return RunResult(**values | {"events": events} | listed)
