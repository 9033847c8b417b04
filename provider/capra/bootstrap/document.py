"""From the bytes of bootstrap data to the mapping of a cloud-config document.

What user data may start with: cloud-init, 'User-data formats'. cloud-init insists on the first line
`#cloud-config`; k0smotron's provisioner reads any YAML. Here the line may be missing, but data that says it
is something else is refused by its name.
"""

from __future__ import annotations

import re
from typing import Any

from capra.bootstrap import jinja, strict_yaml
from capra.bootstrap.encoding import Unreadable, gunzip
from capra.bootstrap.location import Location

_FORMATS_OF_OTHERS = {
    "ignition": "Ignition",
    "powershell": "a PowerShell script",
    "powershell-xml": "a PowerShell script in XML",
}
# Starts of the first line, longest first where one is the start of another.
_STARTS = {
    "#cloud-config-archive": "a cloud-config archive",
    "#cloud-config-jsonp": "a JSON patch of cloud-config",
    "#cloud-boothook": "a cloud-init boothook",
    "#part-handler": "a cloud-init part handler",
    "#upstart-job": "an upstart job",
    "#include": "a list of documents to include",
    "#ps1": "a PowerShell script",
    "#!talos": "Talos machine configuration",
    "#!": "a script",
    "<powershell": "a PowerShell script in XML",
    "<script": "a Windows batch script",
    "rem cmd": "a Windows batch script",
    "content-type:": "a MIME multipart document",
    "mime-version:": "a MIME multipart document",
    "from ": "a MIME multipart document",
    "apiversion:": "a Kubernetes manifest",
    "version: v1alpha1": "Talos machine configuration",
}
_IGNITION = re.compile(r'\s*\{\s*"ignition"\s*:')


def read_document(data: bytes, format: str, subject: str) -> dict[str, Any]:
    """The merged top-level mapping of the document. Raises InputError naming `subject`."""
    place = Location(subject)
    if format and format != "cloud-config":
        what = _FORMATS_OF_OTHERS.get(format)
        problem = f"{what} is not supported yet" if what else "is not a known format"
        raise place.key("format").error(f"{problem}; cloud-config is")
    text = _text(data, place)
    header = _leading_lines(text)
    if not header.strip() and not text.strip():
        raise place.error("is empty")
    _refuse_other_formats(text, header, place)
    if any(jinja.HEADER.fullmatch(line) for line in header.splitlines()):
        jinja.refuse_templates(text, place)
    if header == text:
        raise place.error("holds only comments: there is nothing to do")
    return strict_yaml.load_mapping(text, place)


def _text(data: bytes, place: Location) -> str:
    """The text. cloud-init accepts user data that is gzipped as a whole, and so does this."""
    if data.startswith(b"\x1f\x8b"):
        try:
            data = gunzip(data, strict_yaml.MAX_CHARACTERS)
        except Unreadable as error:
            raise place.error(f"looks gzipped, but {error}") from None
    bad = -1
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        bad = error.start
    raise place.error(f"is not UTF-8 text (byte {bad}, line {data.count(10, 0, bad) + 1}): binary data?")


def _leading_lines(text: str) -> str:
    """The blank lines and comments before the first line of content."""
    end = 0
    for line in text.splitlines(keepends=True):
        if line.strip() and not line.startswith("#"):
            break
        end += len(line)
    return text[:end]


def _refuse_other_formats(text: str, header: str, place: Location) -> None:
    if _IGNITION.match(text):
        raise place.error("is Ignition, which is not supported yet; cloud-config is")
    candidates = [*header.splitlines(), text[len(header) :][:100]]
    for line in candidates:
        if re.fullmatch(r"#cloud-config\s*", line):
            break  # what follows are comments of the document itself
        for start, what in _STARTS.items():
            if line.lower().startswith(start):
                raise place.error(f"is {what}, which is not supported yet; cloud-config is")
