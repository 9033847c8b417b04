"""The condition that says why the key of a machine's host is believed. Pure."""

from __future__ import annotations

from capra.engine.decisions import Refuse
from capra.engine.engine import Reconciliation
from capra.model.keys.host_key import is_authority, shown_pin
from capra.model.run import OutcomeKind
from capra.model.status import Condition, false, of_field, short

TRUSTED = "HostKeyTrusted"
NOT_PINNED = "HostKeyNotPinned"


def host_key_condition(taken: Reconciliation) -> Condition | None:
    """None where nothing is known of a key, and none was asked for."""
    spec, record, decision = taken.observation.machine.spec, taken.record, taken.decision
    if isinstance(decision, Refuse) and decision.reason == NOT_PINNED:
        return false(TRUSTED, NOT_PINNED, of_field(decision.field, decision.message))
    if not spec.address:
        return None
    if record.reason == OutcomeKind.HOST_KEY_CHANGED:
        return false(TRUSTED, OutcomeKind.HOST_KEY_CHANGED.value, record.cause)
    keys = spec.host_keys or record.host_keys
    if not keys:
        return None
    told = short(", ".join(map(shown_pin, keys)))
    if not spec.host_keys:
        return Condition(TRUSTED, "True", "FirstUse", told)
    if any(map(is_authority, keys)):
        return Condition(TRUSTED, "True", "CertificateAuthority", told)
    return Condition(TRUSTED, "True", "Pinned", told)
