"""The mark of an entry of a pool whose host did not answer. Pure."""

from __future__ import annotations

from pydantic import BaseModel, Field, ValidationError

from capra.kube.client.resources import UNREACHABLE, Raw, annotations_of
from capra.model.pool import Unreachable
from capra.model.retry import SILENT_HOST
from capra.model.saved_record import Moment

MESSAGE_LENGTH = 500


class _Mark(BaseModel):
    """The annotation. place: the host that did not answer; an entry that now names another has no mark."""

    place: str
    since: Moment
    until: Moment
    times: int = Field(ge=1, le=10_000)
    message: str = ""


def load_silence(entry_raw: Raw) -> Unreachable | None:
    """The mark of an entry; None for one without, or with one that cannot be read."""
    text = annotations_of(entry_raw).get(UNREACHABLE)
    if not text:
        return None
    try:
        mark = _Mark.model_validate_json(text)
    except ValidationError:
        return None
    if mark.place != _place(entry_raw):
        return None
    return Unreachable(mark.since, mark.until, mark.times, mark.message)


def dump_silence(entry_raw: Raw, now: float, message: str) -> str:
    """The annotation of an entry whose host did not answer, now once more."""
    before = load_silence(entry_raw)
    times = min(before.times + 1, 10_000) if before else 1
    since = before.since if before else now
    mark = _Mark(
        place=_place(entry_raw),
        since=since,
        until=now + SILENT_HOST.after(times),
        times=times,
        message=message[:MESSAGE_LENGTH],
    )
    return mark.model_dump_json()


def _place(entry_raw: Raw) -> str:
    machine = (entry_raw.get("spec") or {}).get("machine") or {}
    return f"{machine.get('address')} {machine.get('port', 22)}"
