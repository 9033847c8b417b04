"""The rows of tests/cases/mistakes/cluster.yaml: what is told of an object names field, value and remedy."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from capra.errors import CapraError
from capra.kube.client.resources import EVENTS, REMOTE_MACHINES, SECRETS, Raw
from capra.model.run import RunResult
from capra.testing import stepped
from tests.component.controller.world import PATIENCE, World, condition
from tests.support.ssh_keys import locked_key, new_ssh_key
from tests.support.waiting import Wait, wait_until_async

ROWS = yaml.safe_load((Path(__file__).parents[2] / "cases" / "mistakes" / "cluster.yaml").read_text())
ADDRESS = "192.0.2.10"
PUBLIC_KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"


async def _prepare(row: dict[str, Any], world: World) -> None:
    """All that a row has beside the machine."""
    await world.cluster()
    if "secret" in row:
        made = {"LOCKED": locked_key("x"), "PUBLIC": PUBLIC_KEY, "PRIVATE": new_ssh_key()}
        values = {name: made.get(text, text) for name, text in row["secret"]["values"].items()}
        metadata = {"name": row["secret"]["name"], "namespace": world.namespace}
        body = {"apiVersion": "v1", "kind": "Secret", "metadata": metadata, "stringData": values}
        await world.api.create(SECRETS, world.namespace, body)
    if "data" in row:
        await world.patch(SECRETS, "data", {"stringData": {"value": row["data"]}})
    if "entry" in row:
        await world.entry(**row["entry"])
    if "result" in row:
        world.hosts.fail(ADDRESS, *[_result(row["result"])] * 20)


def _result(row: dict[str, Any]) -> RunResult:
    more = {name: value for name, value in row.items() if name not in ("reason", "message")}
    return stepped(row["reason"], row["message"], step={"rc": 1}, **more)


def _spec(row: dict[str, Any]) -> dict[str, Any]:
    spec = {"address": ADDRESS, "sshKeyRef": {"name": "key"}} | row.get("spec", {})
    return {name: value for name, value in spec.items() if value is not None}


@pytest.mark.parametrize("row", [row for row in ROWS if "refused" not in row], ids=lambda row: row["name"])
async def test_a_mistake_is_told(row: dict[str, Any], world: World) -> None:
    await _prepare(row, world)
    async with world.controller():
        await world.machine("m", _spec(row), annotations=row.get("annotations", {}))
        raw = await world.waits("m", row["reason"], row["remedy"])
        told = condition(raw, "Ready")["message"]
        for name in ("field", "value", "remedy"):
            assert row.get(name, "") in told, (name, told)
        assert "\n" not in told
        assert condition(raw, "BootstrapExecSucceeded").get("reason") == row["bootstrap"]
        _stands_once(raw)

        async def announced() -> bool:
            events = await world.all(EVENTS)
            return any(one["reason"] == row["reason"] and row["remedy"] in one["message"] for one in events)

        if row.get("event", True):
            await wait_until_async(announced, Wait("an event tells it", PATIENCE))


def _stands_once(raw: Raw) -> None:
    """The end of a step's output: in the condition of the bootstrap alone."""
    told = [one["message"] for one in raw["status"]["conditions"]] + [raw["status"].get("failureMessage") or ""]
    assert [message for message in told if "Reading package lists" in message] == [
        message for message in [condition(raw, "BootstrapExecSucceeded").get("message", "")] if "\n" in message
    ]


@pytest.mark.parametrize("row", [row for row in ROWS if "refused" in row], ids=lambda row: row["name"])
async def test_a_mistake_is_refused_by_the_server(row: dict[str, Any], world: World) -> None:
    with pytest.raises(CapraError) as caught:
        await world.create(REMOTE_MACHINES, "m", _spec(row))
    for part in row["refused"]:
        assert part in str(caught.value)
