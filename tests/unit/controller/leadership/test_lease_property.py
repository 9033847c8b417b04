"""Whatever fails, and whenever: no two replicas work at once, and somebody works in the end."""

from __future__ import annotations

import asyncio

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.support.virtual_time import run_in_virtual_time
from tests.unit.controller.leadership.lease_world import DURATION, Replica, Replicas

faults = st.lists(
    st.tuples(
        st.floats(0.1, 20.0),
        st.sampled_from("abc"),
        st.sampled_from(["broken", "hangs", "deaf", "slow", "healed", "stopped", "killed"]),
    ),
    max_size=12,
)


@given(faults, st.sampled_from([0.0, 1.0, 4.9, 30.0]))
@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_never_two_at_work_whatever_fails(plan: list[tuple[float, str, str]], ending: float) -> None:
    async def test() -> None:
        replicas = Replicas()
        running = {name: replicas.start(name, ending=ending) for name in "abc"}
        for wait, name, fault in plan:
            await asyncio.sleep(wait)
            inflict(running[name], fault)
        for replica in running.values():
            inflict(replica, "healed")
        await asyncio.sleep(3 * DURATION + ending)
        assert not replicas.stage.together
        # Whoever is left goes on.
        assert bool(replicas.stage.at_work) == any(not replica.leading.done() for replica in running.values())
        for replica in running.values():
            replica.stop.set()
            await replica.over()

    run_in_virtual_time(test())


def inflict(replica: Replica, fault: str) -> None:
    connection = replica.connection
    match fault:
        case "slow":
            connection.latency = 3.0
        case "healed":
            connection.broken = connection.hangs = connection.deaf = False
            connection.latency = 0.01
        case "stopped":
            replica.stop.set()
        case "killed":
            replica.leading.cancel()
        case _:
            setattr(connection, fault, True)
