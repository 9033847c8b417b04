"""`ssh_pwauth` of cloud-init's module `set_passwords`: whether sshd lets somebody in with a password."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from capra.bootstrap.constructs import Constructs
from capra.bootstrap.host_script import host_script
from capra.bootstrap.reading.location import Location
from capra.bootstrap.reading.values import truth
from capra.bootstrap.steps import Step

KEYS = ("ssh_pwauth",)


def steps(document: Mapping[str, Any], constructs: Constructs, subject: str) -> list[Step]:
    """The step for `ssh_pwauth`; `unchanged`, null and empty text ask for nothing. Raises InputError."""
    value, place = document.get("ssh_pwauth"), Location(subject, "ssh_pwauth")
    if value in (None, "", "unchanged"):
        return []
    answer = "yes" if truth(value, place) else "no"
    title = "let sshd take passwords" if answer == "yes" else "let sshd take no passwords"
    return [host_script("accounts/sshd_passwords", place.field, title, {"answer": answer}, {"answer"})]
