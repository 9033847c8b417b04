"""The `format` of a bootstrap Secret (Cluster API's contract for bootstrap data), and whether the data fit it."""

from __future__ import annotations

from capra.bootstrap.reading.location import Location
from capra.bootstrap.userdata import kinds

IGNITION = "ignition"
KNOWN = ("cloud-config", IGNITION)

_WINDOWS = "is for Windows, which is not supported; give cloud-config or ignition"
_REFUSED = {
    "json": "JSON of another kind than Ignition is not supported; give cloud-config or ignition",
    "powershell": f"a PowerShell script {_WINDOWS}",
    "powershell-xml": f"a PowerShell script in XML {_WINDOWS}",
}


def check(format: str, place: Location) -> None:
    """Raises InputError for a format that is not supported."""
    if format and format not in KNOWN:
        problem = _REFUSED.get(format, f"is not a known format; known are {' and '.join(KNOWN)}")
        raise place.key("format").error(problem)


def is_ignition(format: str, text: str, place: Location) -> bool:
    """Whether the data are to be read as Ignition. Raises InputError where they are clearly of the other format."""
    looks = kinds.looks_like_ignition(text)
    if format == "cloud-config" and looks:
        raise place.key("format").error(
            "is cloud-config, but the data are Ignition: set the format to ignition, or leave it out"
        )
    if format == IGNITION and not text.lstrip().startswith("{"):
        raise place.key("format").error(
            "is ignition, but the data are not the JSON of an Ignition config: set the format to cloud-config, or leave"
            " it out"
        )
    return looks or format == IGNITION
