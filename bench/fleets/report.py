"""What comes out: a table, a file of JSON, a picture."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from bench import facts, picture
from bench.fleets.figures import Row, Run, seconds

HEAD = ("machines", "work", "floor", "Capra", "ratio", "CPU: client", "Capra", "less client", "memory")
LEGEND = """\
Seconds are medians (rounds: least-most). Floor: plain ssh, 16 at a time, in turns on the same hosts.
CPU: core-seconds a machine, of the floor's ssh client, of the controller with all its children, and of that
less one such client. Memory: proportional set size of the controller's whole tree at its peak."""


def table(rows: Sequence[Row]) -> str:
    """For a terminal."""
    lines = [HEAD, *map(_cells, rows)]
    widths = [max(len(line[column]) for line in lines) for column in range(len(HEAD))]
    told = [
        "  ".join(
            cell.ljust(width) if column == 1 else cell.rjust(width)
            for column, (cell, width) in enumerate(zip(line, widths, strict=True))
        )
        for line in lines
    ]
    return "\n".join([*told, "", LEGEND])


def _cells(row: Row) -> tuple[str, ...]:
    alone = row.floor_name != "plain ssh"
    client, ours = row.cpu(row.floor), row.cpu(row.capra)
    return (
        str(row.machines),
        row.work,
        _spread(row.floor) + (" (alone)" if alone else ""),
        _spread(row.capra),
        f"{row.ratio:.2f} x",
        "" if alone else f"{client:.3f}",
        f"{ours:.3f}",
        "" if alone else f"{ours - client:.3f}",
        f"{row.memory / 1e6:.0f} MB" if row.memory else "",
    )


def _spread(runs: Sequence[Run]) -> str:
    every = [run.seconds for run in runs]
    spread = f" ({len(every)}: {min(every):.2f}-{max(every):.2f})" if len(every) > 1 else ""
    return f"{seconds(runs):.2f} s{spread}"


def document(rows: Sequence[Row], machine: Mapping[str, object], hosts: Mapping[str, object]) -> dict[str, Any]:
    """For programs. Seconds, core-seconds of all machines together, bytes."""
    return {
        "benchmark": "fleet",
        "machine": dict(machine),
        "hosts": dict(hosts),
        "rows": [
            asdict(row)
            | {"floor_seconds": seconds(row.floor), "capra_seconds": seconds(row.capra), "ratio": row.ratio}
            | {"floor_cpu_per_machine": row.cpu(row.floor), "capra_cpu_per_machine": row.cpu(row.capra)}
            for row in rows
        ],
    }


def groups(rows: Sequence[Row]) -> Iterator[picture.Group]:
    """The picture's: seconds of each row, then CPU and memory."""
    for row in rows:
        bars = [
            picture.Bar(row.floor_name, seconds(row.floor), "s"),
            picture.Bar("Capra", seconds(row.capra), "s", f"{row.ratio:.2f} x"),
        ]
        yield picture.Group(row.title, bars)
    measured = [row for row in rows if row.memory]
    clients = [picture.Bar(f"{row.floor_name}, {row.label}", row.cpu(row.floor), "core-s") for row in measured[:1]]
    bars = [picture.Bar(f"Capra, {row.label}", row.cpu(row.capra), "core-s") for row in measured]
    yield picture.Group("CPU a machine", [*clients, *bars])
    bars = [picture.Bar(f"Capra, {row.label}", row.memory / 1e6, "MB") for row in measured]
    yield picture.Group("Memory of the controller and all its runs, at the peak", bars)


def write(
    directory: Path, rows: Sequence[Row], machine: Mapping[str, object], hosts: Mapping[str, object]
) -> list[Path]:
    """Write both files; where they are."""
    directory.mkdir(parents=True, exist_ok=True)
    data, drawn = directory / "fleet.json", directory / "fleet.svg"
    data.write_text(json.dumps(document(rows, machine, hosts), indent=2, ensure_ascii=False) + "\n")
    title = "A fleet through the controller, beside plain ssh"
    picture.write(drawn, title, list(groups(rows)), facts.caption(machine))
    return [data, drawn]
