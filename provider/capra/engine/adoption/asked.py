"""What the annotation `adopt` asks for. Pure."""

from __future__ import annotations

from capra.engine.decisions import Refuse
from capra.model.machine import ADOPT_ANNOTATION, Adoption
from capra.model.observation import Observation, Phase

FIELD = f"metadata.annotations[{ADOPT_ANNOTATION}]"


def asked_adoption(observation: Observation) -> Adoption | Refuse | None:
    """The machine's own word, else that of the entry that it holds. None where there is none, and from the beginning of
    a bootstrap: what runs on the host then is its own."""
    if observation.record.phase is not Phase.NEW:
        return None
    asked = observation.machine.annotations.get(ADOPT_ANNOTATION)
    if asked is None and observation.entry is not None:
        asked = observation.entry.annotations.get(ADOPT_ANNOTATION)
    if asked is None:
        return None
    if asked not in set(Adoption):
        known = ", ".join(one.value for one in Adoption)
        return Refuse("InvalidInput", FIELD, f"is {asked[:40]!r}; known are {known}")
    return Adoption(asked)
