"""What a text of user data is, told by its media type and its first line (cloud-init, 'User-data formats')."""

from __future__ import annotations

import re

from capra.bootstrap.constructs import Constructs
from capra.bootstrap.reading.document import leading_lines
from capra.bootstrap.userdata.parts import Part, shown_type

CLOUD_CONFIG, SCRIPT, ARCHIVE, IGNORED = "cloud-config", "script", "archive", ""

_WINDOWS = "these machines run Linux: give a script that begins with #!, or cloud-config"
_REFUSED = {
    "include": (
        "a list of documents to include",
        "put the documents themselves into one MIME multipart document",
    ),
    "boothook": ("a cloud-init boothook", "put its commands into bootcmd"),
    "part-handler": (
        "a cloud-init part handler",
        "it is Python that runs inside cloud-init: put what it does into runcmd",
    ),
    "jsonp": ("a JSON patch of cloud-config", "give the document as it is after the patch"),
    "upstart": ("an upstart job", "write a systemd unit with write_files, and start it in runcmd"),
    "per-boot": ("a script for every boot", "write a systemd unit with write_files, and enable it in runcmd"),
    "per-instance": ("a script for cloud-init's scripts-per-instance", "give it as text/x-shellscript"),
    "per-once": ("a script for cloud-init's scripts-per-once", "give it as text/x-shellscript"),
    "powershell": ("a PowerShell script", _WINDOWS),
    "powershell-xml": ("a PowerShell script in XML", _WINDOWS),
    "batch": ("a Windows batch script", _WINDOWS),
    "multipart": (
        "a MIME multipart document",
        "it begins with the header MIME-Version; a line before it, as `## template: jinja`, belongs into its parts",
    ),
    "kubernetes": (
        "a Kubernetes manifest",
        "give the bootstrap data of a node; a manifest can be a file of write_files",
    ),
    "talos": (
        "a Talos machine configuration",
        "Talos has no SSH, and is set up through its own API: use Talos's infrastructure providers for such machines",
    ),
    "ignition": ("Ignition", "it must stand alone, is never a template, and the Secret's format is ignition, or empty"),
}

# Starts of a first line, longest first where one is the start of another.
_STARTS = {
    "#cloud-config-archive": ARCHIVE,
    "#cloud-config-jsonp": "jsonp",
    "#cloud-config": CLOUD_CONFIG,
    "#cloud-boothook": "boothook",
    "#part-handler": "part-handler",
    "#upstart-job": "upstart",
    "#include": "include",
    "#ps1": "powershell",
    "#!talos": "talos",
    "#!": SCRIPT,
    "<powershell": "powershell-xml",
    "<script": "batch",
    "rem cmd": "batch",
    "content-type:": "multipart",
    "mime-version:": "multipart",
    "from ": "multipart",
    "apiversion:": "kubernetes",
}
_TYPES = {
    "text/cloud-config": CLOUD_CONFIG,
    "text/cloud-config-archive": ARCHIVE,
    "text/cloud-config-jsonp": "jsonp",
    "text/cloud-boothook": "boothook",
    "text/x-include-url": "include",
    "text/x-include-once-url": "include",
    "text/part-handler": "part-handler",
    "text/upstart-job": "upstart",
    "text/x-shellscript-per-boot": "per-boot",
    "text/x-shellscript-per-instance": "per-instance",
    "text/x-shellscript-per-once": "per-once",
}
_LOOKED_INTO = ("", "text/plain", "text/x-not-multipart", "text/x-shellscript", "text/jinja2")
"""Media types of which cloud-init looks at the first line (`TYPE_NEEDED` of cloudinit/user_data.py)."""

_IGNITION = re.compile(r'(?<!\\)"ignition"\s*:')
_TALOS = re.compile(r"^version:[ \t]*v1alpha1[ \t]*$", re.MULTILINE), re.compile(r"^machine:", re.MULTILINE)


def looks_like_ignition(text: str) -> bool:
    """Whether it is JSON with Ignition's key."""
    return text.lstrip().startswith("{") and bool(_IGNITION.search(text))


def first_line_says(text: str) -> str | None:
    """The kind that the first line of content or a comment before it tells; None where none does. Words of a comment
    that only begin alike (`#included by hand`) tell nothing."""
    if looks_like_ignition(text):
        return "ignition"
    header = leading_lines(text)
    for line in [*header.splitlines(), text[len(header) :][:100].lower()]:
        for start, kind in _STARTS.items():
            if line.lower().startswith(start) and _whole(start, line):
                return kind
    if all(sign.search(text) for sign in _TALOS):
        return "talos"
    return None


def _whole(start: str, line: str) -> bool:
    """Whether the sign of a kind is all that the line says, or stands for itself."""
    if start in ("#cloud-config", "#include"):
        # `#include` may have addresses behind it; behind `#cloud-config` there are no more than blanks.
        behind = line[len(start) :]
        return not behind.strip() or (start == "#include" and behind[0].isspace())
    return True


def kind_of_part(part: Part, constructs: Constructs) -> str:
    """CLOUD_CONFIG, SCRIPT or ARCHIVE; IGNORED for another part that the user goes on without. Raises InputError for
    one that is not supported."""
    kind = _TYPES.get(part.type)
    if kind is None and part.type in _LOOKED_INTO:
        kind = first_line_says(part.text)
        if kind is None:
            kind = {"": CLOUD_CONFIG, "text/x-shellscript": SCRIPT}.get(part.type)
    if kind in (CLOUD_CONFIG, SCRIPT, ARCHIVE):
        return kind
    if kind is None:
        begins = "begins with no line that tells what it is: " if part.type in _LOOKED_INTO else ""
        what, instead = f"of type {shown_type(part.type)}", f"{begins}give text/cloud-config or text/x-shellscript"
    else:
        what, instead = _REFUSED[kind]
    constructs.refuse(part.place, f"{part.called}is {what}, which is not supported: {instead}")
    return IGNORED
