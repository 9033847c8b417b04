"""Makes the pictures of docs/images, of an example that is the same each time: `make screenshots`.

    python scripts/screenshots.py [--output DIRECTORY]

What a terminal shows is an SVG, by rich; the page is a PNG, by Chromium. The SVGs are the same on any machine (a unit
test compares them), the PNGs with the same Chromium and fonts.
"""

from __future__ import annotations

import argparse
import asyncio
import io
import re
import sys
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path

from rich.console import CONSOLE_SVG_FORMAT, Console
from rich.text import Text

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT)]

from capra.cli.output.live import LiveDisplay  # noqa: E402  # the same
from capra.cli.output.result import MachineResult  # noqa: E402  # the same
from capra.cli.shared.cluster import Overview, tables  # noqa: E402  # the repository root must be on the path first
from capra.kube.objects.overview import machine_lines, pool_lines  # noqa: E402  # the same
from capra.model.machine import MachineKey, MachineSpec, RemoteMachine  # noqa: E402  # the same
from capra.model.run import IN_CONTACT, Progress  # noqa: E402  # the same
from tests.support import fleet  # noqa: E402  # the same
from tests.support.chromium import browser_tab, chromium_program  # noqa: E402  # the same
from tests.support.page import serving_page  # noqa: E402  # the same

# rich's own frame would load a font from another site.
FRAME = re.sub(r"\s*@font-face \{.*?\}\n", "\n", CONSOLE_SVG_FORMAT, flags=re.DOTALL)
COUNT = 30


def _console(width: int, height: int) -> Console:
    """A terminal that is recorded. Its clock stands still, and so does a spinner."""
    return Console(
        record=True,
        file=io.StringIO(),
        force_terminal=True,
        color_system="truecolor",
        width=width,
        height=height,
        markup=False,
        highlight=False,
        get_time=lambda: 0.0,
        _environ={},
    )


def _svg(console: Console, title: str, name: str) -> str:
    text = console.export_svg(title=title, unique_id=name, code_format=FRAME)
    return "\n".join(line.rstrip() for line in text.splitlines()) + "\n"


def status() -> str:
    """`capra status` of a cluster."""
    console = _console(118, 40)
    machines = machine_lines(fleet.machine(number) for number in range(10))
    pools = pool_lines(fleet.entry(number) for number in range(8))
    for title, made in tables(Overview(machines, pools)):
        console.print(Text(title, style="bold"))
        console.print(made)
        console.print()
    return _svg(console, "capra status --context my-cluster", "status")


def live() -> str:
    """A bootstrap of thirty machines, half a minute after its beginning."""
    console, now = _console(110, 24), 0.0
    display = LiveDisplay(console, clock=lambda: now)
    display.expect(COUNT)
    machines = [
        RemoteMachine(MachineKey("default", f"node-{number}"), MachineSpec(address=f"192.0.2.{number + 1}"))
        for number in range(COUNT)
    ]
    told = fleet.FAILED_STEP.partition(": curl: ")[0]
    for number, machine in enumerate(machines[:26]):
        now = number * 1.1
        display.begin(machine)
        display.progress(machine, IN_CONTACT)
        if number in (4, 9, 13):
            message = f"connect to {machine.spec.address} port 22: No route to host"
            display.end(MachineResult(machine, "Bootstrap", "Unreachable", False, message, seconds=3.1))
        elif number == 6:
            display.end(MachineResult(machine, "Bootstrap", "StepFailed", False, told, seconds=9.5))
        elif number < 14:
            display.end(MachineResult(machine, "Bootstrap", "Finished", True, "5 steps finished", seconds=11.0))
        elif number < 25:
            step = (25 - number) * 4 // 11
            display.progress(machine, Progress(step, 5, fleet.TITLES[step], "running"))
    now = 31.0
    console.print(display)
    return _svg(console, "capra bootstrap -f machines.yaml --bootstrap-data user-data.yaml", "live")


TERMINAL: Mapping[str, Callable[[], str]] = {"status.svg": status, "live.svg": live}


async def _page(output: Path, scratch: Path) -> None:
    """The page: an overview on a screen, and a machine on a phone."""
    (scratch / "browser").mkdir()
    async with serving_page(scratch / "output") as served, browser_tab(scratch / "browser") as tab:
        await tab.call("Network.setExtraHTTPHeaders", headers={"Authorization": "Bearer admin"})
        await tab.colours("light")
        for name, path, width, height in (
            ("page.png", "/page/team-a/", 1100, 720),
            ("page-phone.png", "/page/team-a/machines/workers-3", 360, 760),
        ):
            await tab.size(width, height)
            await tab.open(f"{served.url}{path}")
            (output / name).write_bytes(await tab.screenshot())


def main() -> None:
    """See the module."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--output", type=Path, default=ROOT / "docs" / "images", metavar="DIRECTORY")
    output = parser.parse_args().output
    if not chromium_program():
        raise SystemExit("screenshots: no chromium is installed; `apt-get install chromium` does it")
    output.mkdir(parents=True, exist_ok=True)
    for name, make in TERMINAL.items():
        (output / name).write_text(make())
    with tempfile.TemporaryDirectory() as scratch:
        asyncio.run(_page(output, Path(scratch)))


if __name__ == "__main__":
    main()
