"""What an entry is chosen by."""

from __future__ import annotations

from typing import Any

from capra.kube.client.resources import HOLDER, RELEASED
from capra.kube.objects.probes.offers import to_offer
from capra.model.machine import FACTS
from tests.unit.kube.pool_examples import entry

TOLD = {
    "os": "debian",
    "architecture": "arm64",
    "cpus": 8,
    "memory": "31984Mi",
    "disk": "weird",
    "addresses": ["192.0.2.1"],
}


def probed(generation: int = 3, **more: Any) -> dict[str, Any]:
    raw = entry("e", **more)
    raw["metadata"]["generation"] = 3
    found = [{"type": "Reachable", "status": "True", "observedGeneration": generation}]
    raw["status"] = {"facts": TOLD, "conditions": found}
    return raw


def test_labels_facts_domain_and_the_last_time_of_use() -> None:
    raw = probed(labels={"rack": "a", f"{FACTS}os": "windows"}, annotations={RELEASED: "then"})
    raw["spec"]["failureDomain"] = "x"
    offer = to_offer(raw, facts=True)
    assert offer.labels == {
        "rack": "a",
        f"{FACTS}os": "debian",
        f"{FACTS}architecture": "arm64",
        f"{FACTS}cpus": "8",
        f"{FACTS}memoryMiB": "31984",
    }
    assert (offer.failure_domain, offer.released, offer.uid) == ("x", "then", "uid-e")


def test_without_probes_facts_do_not_count_nor_labels_that_look_like_them() -> None:
    assert to_offer(probed(labels={"rack": "a", f"{FACTS}os": "windows"}), facts=False).labels == {"rack": "a"}


def test_facts_from_before_a_change_do_not_count() -> None:
    """The entry may name another host by now."""
    assert to_offer(probed(2), facts=True).labels == {}


def test_facts_stay_while_somebody_has_the_host_and_count_no_more_afterwards() -> None:
    """It is not probed meanwhile, and whoever changes the entry may mean another host."""
    taken = probed(annotations={HOLDER: '{"name": "m", "uid": "u"}'})
    del taken["status"]["conditions"]
    assert to_offer(taken, facts=True).labels[f"{FACTS}os"] == "debian"
    free = probed()
    del free["status"]["conditions"]
    assert to_offer(free, facts=True).labels == {}
