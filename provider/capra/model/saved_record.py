"""A machine's record as it is saved: in an annotation of its object, or in a file of the terminal."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict
from pydantic.alias_generators import to_camel

from capra.model.observation import Phase


class SavedRecord(BaseModel):
    """The fields of a Record that are saved everywhere, under their names in camel case. Fields that a later version
    adds are left alone. Host keys are saved apart."""

    model_config = ConfigDict(frozen=True, alias_generator=to_camel, populate_by_name=True, extra="ignore")

    phase: Phase = Phase.NEW
    run_id: str = ""
    digest: str = ""
    uid: str = ""
    bootstrap_kind: str = ""
    attempts: int = 0
    unreached: int = 0
    reason: str = ""
    message: str = ""
    changed_at: float = 0.0
    cleaning_since: float = 0.0
    host_name: str = ""
    host_addresses: tuple[str, ...] = ()

    @property
    def believed_phase(self) -> Phase:
        """The phase. Beside New and Clean there is no run id: one there was left by a version of Capra that took a
        session which was refused for a proof that nothing had been run."""
        unproven = self.run_id and self.phase in {Phase.NEW, Phase.CLEAN}
        return Phase.BOOTSTRAPPING if unproven else self.phase
