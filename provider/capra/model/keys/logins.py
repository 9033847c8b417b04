"""Which keys of a Secret a host is offered now, and what is to be known of the others. Pure."""

from __future__ import annotations

from dataclasses import dataclass, replace

from capra.model.keys.certificate import certificate_trouble, certificate_warning
from capra.model.observation import Problem, SSHKey


@dataclass(frozen=True)
class OfferedKeys:
    """keys: those that are offered, in their order. reason, problem: why there are none. until: when one of them will
    be valid, in seconds since the epoch; 0 for never. warnings: sentences."""

    keys: tuple[SSHKey, ...] = ()
    reason: str = ""
    problem: str = ""
    until: float = 0.0
    warnings: tuple[str, ...] = ()


def offered_keys(key: SSHKey, now: float) -> OfferedKeys:
    """A key whose certificate is not valid now is left out: whoever gives one for it means it. now: seconds since the
    epoch."""
    keys: list[SSHKey] = []
    troubles: list[Problem] = []
    warnings, starts = [], []
    for one in (key, *key.further):
        certificate = one.certificate
        if certificate is None:
            keys.append(replace(one, further=()))
        elif (trouble := certificate_trouble(certificate, now)) is not None:
            troubles.append(replace(trouble, message=_of(one, trouble.message)))
            starts += [certificate.valid_after] if certificate.valid_after > now else []
        else:
            keys.append(replace(one, further=()))
            warnings += [_of(one, warning)] if (warning := certificate_warning(certificate, now)) else []
    if not keys:
        return OfferedKeys((), troubles[0].reason, troubles[0].message, float(min(starts, default=0)))
    return OfferedKeys(tuple(keys), warnings=(*warnings, *(trouble.message for trouble in troubles)))


def _of(key: SSHKey, told: str) -> str:
    return f"{key.source}: {told}" if key.source else told
