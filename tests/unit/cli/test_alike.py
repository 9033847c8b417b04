"""What many machines share is told once."""

from __future__ import annotations

from capra.cli.output.alike import alike, cause_of, listed_names, totals
from capra.cli.output.result import MachineResult
from capra.model.machine import MachineKey, MachineSpec, RemoteMachine


def _result(number: int, message: str = "", *, ok: bool = False, namespace: str = "default") -> MachineResult:
    machine = RemoteMachine(MachineKey(namespace, f"node-{number}"), MachineSpec(address=f"192.0.2.{number}"))
    return MachineResult(machine, "Bootstrap", "Finished" if ok else "Unreachable", ok, message)


def test_a_cause_is_the_same_whatever_the_machine_is_called() -> None:
    one, two = _result(1, "192.0.2.1 refused node-1\nmore"), _result(2, "192.0.2.2 refused node-2\nothers")
    assert cause_of(one) == cause_of(two) == ("Unreachable", "* refused *")
    other = _result(3, "timed out")
    assert alike([one, other, two]) == [[one, two], [other]]
    assert alike([one, two], lambda result: result.message) == [[one], [two]]


def test_names_are_listed_as_far_as_they_can_be_read() -> None:
    many = [_result(number) for number in range(7)]
    assert listed_names(many[:1]) == "node-0"
    assert listed_names(many[:5]) == "node-0, node-1, node-2, node-3, node-4"
    assert listed_names(many) == "node-0, node-1, node-2, node-3 and 3 more"
    assert listed_names([_result(1, namespace="prod")]) == "prod/node-1"


def test_totals_leave_out_what_is_none() -> None:
    assert totals(4, [_result(1), _result(2, ok=True)], 1) == "4 machines: 1 failed, 1 done, 1 at work, 1 waiting"
    assert totals(1, [_result(2, ok=True)]) == "1 machine: 1 done"
