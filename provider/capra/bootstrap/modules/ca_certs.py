"""cloud-init's module `ca_certs`: the authorities that the host trusts."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from capra.bootstrap.constructs import Constructs
from capra.bootstrap.host_script import host_script
from capra.bootstrap.reading.location import Location, key_name
from capra.bootstrap.reading.values import asks_nothing, listed, mapping, switched, text
from capra.bootstrap.steps import Step

KEYS = ("ca_certs", "ca-certs")
MAX_CERTIFICATES = 512

_KEYS = ("trusted", "remove_defaults")
# RFC 7468, 5: whatever stands before and between is explanation.
_CERTIFICATE = re.compile(r"-----BEGIN CERTIFICATE-----\s+([A-Za-z0-9+/=\s]+)-----END CERTIFICATE-----")


def steps(document: Mapping[str, Any], constructs: Constructs, subject: str) -> list[Step]:
    """The step for `ca_certs`, or `ca-certs`, its older name. Raises InputError."""
    names = [name for name in KEYS if not asks_nothing(document.get(name))]
    if not names:
        return []
    place = Location(subject, names[0])
    if len(names) == 2:
        raise place.error("is given twice, with '-' and with '_'; put all into ca_certs")
    given = {}
    for key, value in mapping(document[names[0]], place, "trusted certificates").items():
        name = key.replace("-", "_") if isinstance(key, str) else key
        if name in _KEYS:
            given[name] = value
        elif not asks_nothing(value):
            constructs.refuse(place.key(key), f"{key_name(key)} is not known; known are {', '.join(_KEYS)}")
    certificates = _certificates(given.get("trusted"), place.key("trusted"))
    remove = switched(given, "remove_defaults", False, place)
    if not certificates and not remove:
        return []
    variables = {"certificates": "\n".join(certificates), "remove_defaults": "1" if remove else ""}
    return [host_script("system/ca_certs", place.field, "trust the certificate authorities", variables)]


def _certificates(value: Any, place: Location) -> list[str]:
    """Each certificate by itself: the tools of a host read one a file."""
    found: list[str] = []
    for at, item in [(place, value)] if isinstance(value, str) else listed(value, place):
        bodies = _CERTIFICATE.findall(text(item, at))
        if not bodies or "PRIVATE KEY" in item:
            raise at.error("must be certificates in PEM ('-----BEGIN CERTIFICATE-----'), and nothing else")
        found += [_pem(body) for body in bodies]
        if len(found) > MAX_CERTIFICATES:
            raise at.error(f"makes more than {MAX_CERTIFICATES} certificates")
    return found


def _pem(body: str) -> str:
    return "\n".join(["-----BEGIN CERTIFICATE-----", *body.split(), "-----END CERTIFICATE-----"])
