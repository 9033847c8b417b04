"""The last probe in the status of an entry."""

from __future__ import annotations

from typing import Any

import pytest

from capra.kube.objects.probes.entry_status import load_probe, probed_status, without_probe
from capra.model.probe import EntryFacts, LastProbe, Obstacle, Probe
from capra.model.status import Condition, false
from tests.support.merge_patch import patched
from tests.unit.kube.pool_examples import entry

REACHED = Condition("Reachable", "True", "Reached")
FIT = Condition("Fit", "True", "NothingInTheWay")
UNFIT = false("Fit", "Unfit", "12 errors: disk /: full")
AWAY = false("Reachable", "Unreachable", "no route")
NOT_PROBED = Condition("Fit", "Unknown", "NotProbed")
OTHER = {"type": "Owned", "status": "True", "reason": "Somebody", "message": "", "lastTransitionTime": "then"}
NOW = 1_000_000.0


def probed(raw: dict[str, Any], probe: Probe, now: float = NOW) -> dict[str, Any]:
    made = patched(raw, {"status": probed_status(raw, probe, now)})
    assert isinstance(made, dict)
    return made


@pytest.mark.parametrize(
    ("probe", "wanted"),
    [
        (Probe(REACHED, FIT), LastProbe(NOW, fit=True)),
        (
            Probe(REACHED, UNFIT),
            LastProbe(NOW, False, Obstacle.UNFIT, "1970-01-12T13:46:40Z", 12, "12 errors: disk /: full"),
        ),
        (
            Probe(AWAY, NOT_PROBED),
            LastProbe(NOW, False, Obstacle.UNREACHABLE, "1970-01-12T13:46:40Z", 0, "no route"),
        ),
        (Probe(Condition("Reachable", "Unknown", "Lost"), NOT_PROBED), LastProbe(NOW)),
    ],
)
def test_what_is_written_is_read(probe: Probe, wanted: LastProbe) -> None:
    raw = entry("e", metadata={"generation": 3})
    raw["status"]["conditions"] = [OTHER]
    raw = probed(raw, probe)
    assert load_probe(raw) == wanted
    assert without_probe(raw) == [OTHER]
    # Another address may be another host.
    assert load_probe({**raw, "metadata": {**raw["metadata"], "generation": 4}}) is None


def test_since_when_it_is_so_stays() -> None:
    raw = probed(probed(entry("e"), Probe(AWAY, NOT_PROBED)), Probe(AWAY, NOT_PROBED), NOW + 300)
    found = load_probe(raw)
    assert found is not None
    assert (found.at, found.since) == (NOW + 300, "1970-01-12T13:46:40Z")
    assert found.against == "is Unreachable since 1970-01-12T13:46:40Z: no route"
    assert LastProbe(NOW, fit=True).against == ""


@pytest.mark.parametrize("status", [{}, {"conditions": None}, {"conditions": [{"type": "Fit", "status": "False"}]}])
def test_an_entry_that_nobody_has_probed(status: dict[str, Any]) -> None:
    assert load_probe({**entry("e"), "status": status}) is None


def test_a_status_that_somebody_else_has_written() -> None:
    conditions = [{"type": "Reachable", "status": "True"}, {"type": "Fit", "status": "False", "message": 7}]
    found = load_probe({**entry("e"), "status": {"conditions": conditions, "lastProbeTime": 7}})
    assert found == LastProbe(0.0, False, Obstacle.UNFIT, "", 1, "")


def test_facts_stay_while_the_host_says_nothing_and_go_when_it_tells_less() -> None:
    facts = EntryFacts(os="debian", cpus=2, memory=512, disk=9, addresses=("192.0.2.1",))
    raw = probed(entry("e"), Probe(REACHED, FIT, facts))
    told = {"os": "debian", "cpus": 2, "memory": "512Mi", "disk": "9Mi", "addresses": ["192.0.2.1"]}
    assert raw["status"]["facts"] == told
    raw = probed(raw, Probe(AWAY, NOT_PROBED))
    assert raw["status"]["facts"] == told
    assert probed(raw, Probe(REACHED, FIT, EntryFacts(os="debian")))["status"]["facts"] == {"os": "debian"}
