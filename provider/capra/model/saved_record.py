"""A machine's record as it is saved: in an annotation of its object, or in a file of the terminal."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field
from pydantic.alias_generators import to_camel

from capra.model.machine import CleanUp
from capra.model.observation import Phase

LATEST = 4_102_444_800.0
"""The year 2100: annotations and files may hold anything."""

Moment = Annotated[float, Field(ge=0, le=LATEST, allow_inf_nan=False)]
"""Seconds since the epoch, as somebody has noted them."""

Count = Annotated[int, Field(ge=0, le=1_000_000_000)]


Distribution = Literal["k0s", "kubeadm", "rke2", "k3s"]


class SavedRecord(BaseModel):
    """The fields of a Record that are saved everywhere, under their names in camel case. Fields that a later version
    adds are left alone. Host keys are saved apart."""

    model_config = ConfigDict(frozen=True, alias_generator=to_camel, populate_by_name=True, extra="ignore")

    phase: Phase = Phase.NEW
    run_id: str = ""
    digest: str = ""
    uid: str = ""
    bootstrap_kind: str = ""
    clean_up: CleanUp | None = None
    distributions: tuple[Distribution, ...] = ()
    attempts: Count = 0
    unreached: Count = 0
    reason: str = ""
    message: str = ""
    changed_at: Moment = 0.0
    cleaning_since: Moment = 0.0
    host_name: str = ""
    host_addresses: tuple[str, ...] = ()
    facts: Mapping[str, str] = {}
    warnings: tuple[str, ...] = ()
    hooks: tuple[str, ...] = ()

    @property
    def believed_phase(self) -> Phase:
        """The phase. Beside New and Clean there is no run id: one there was left by a version of Capra that took a
        session which was refused for a proof that nothing had been run."""
        unproven = self.run_id and self.phase in {Phase.NEW, Phase.CLEAN}
        return Phase.BOOTSTRAPPING if unproven else self.phase
