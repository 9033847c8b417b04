"""Ignition → ordered steps. Ignition's 'Config Spec' v3.0 to v3.5, and what v2 has of it.

Ignition runs once, before the first boot's services; here the machine runs already. What it makes is the same:
accounts, then files, directories and links, then units; and then what a first boot would do: units are enabled and
started.
"""

from __future__ import annotations

from capra.bootstrap.constructs import Constructs
from capra.bootstrap.ignition import passwd, storage, systemd
from capra.bootstrap.ignition.config import read_config
from capra.bootstrap.ignition.fields import JSONObject
from capra.bootstrap.ignition.resource import Budget
from capra.bootstrap.reading.location import Location
from capra.bootstrap.steps import Step

__all__ = ["ignition_steps"]

_SECTIONS = ("ignition", "passwd", "storage", "systemd")


def ignition_steps(text: str, subject: str, constructs: Constructs) -> tuple[Step, ...]:
    """text: the JSON. Order: what must hold before anything is changed, passwd, storage, systemd: that of Ignition's
    files stage. Raises InputError naming the path, as `storage.files[0].path`."""
    place = Location(subject)
    budget = Budget()
    document, is_old = read_config(text, place, constructs, budget)
    top = JSONObject(place, document, constructs)
    top.only(*_SECTIONS)
    accounts = passwd.account_steps(top.object("passwd"), unique=not is_old)
    nodes = storage.nodes_of_storage(top.object("storage"), budget, unique=not is_old)
    units = systemd.units(top.object("systemd"), unique=not is_old)
    systemd.refuse_files_of_units(nodes, units, place)
    found = (
        *systemd.look_for_systemd(units),
        *storage.look_for_files(nodes),
        *accounts,
        *storage.storage_steps(nodes, in_lists=is_old),
        *systemd.unit_steps(units),
    )
    if not found:
        raise place.error("has nothing to do: passwd, storage and systemd are empty or missing")
    return found
