"""Kind 5: the journal reaches the disk before the effect."""

from __future__ import annotations

from pathlib import Path

from tests.component.programs.disk import Disk
from tests.component.programs.power import lose_power
from tests.e2e.faults.cases import scenario
from tests.missing import missing


@scenario("power cut")
def power_cut(tmp_path: Path) -> None:
    """The program that a host gets, on a disk of its own: no power is cut there."""
    if not Disk.possible():
        missing("mkfs.ext4 and loop devices")
    lose_power(tmp_path)
