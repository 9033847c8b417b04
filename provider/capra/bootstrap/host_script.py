"""Programs of Capra's own for a host, as steps: a file of `capra/bootstrap/scripts` with variables set before it."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from functools import cache
from importlib.resources import files

from capra.bootstrap.script import quote
from capra.bootstrap.steps import RunCommand


def host_script(
    name: str,
    source: str,
    title: str,
    variables: Mapping[str, str],
    public: Collection[str] = (),
    *,
    before: Sequence[str] = (),
) -> RunCommand:
    """The step that runs `scripts/<name>.sh`, a POSIX shell program, with these variables.

    source: where in the document it was asked for. title: what a person reads; no content, no secrets. before: programs
    that it begins with, after `common`, with which all begin. public: variables whose values people may read, as names
    and paths; all others are hidden in what the program says.

    A step that was cut off is run again: the program must end in the same state when it has been run in part, or twice.
    It exits with 1 where it cannot do its work, and says why on standard error. It passes no secret on in the arguments
    of a program.
    """
    lines = {key: f"{key}={quote(value)}\n" for key, value in sorted(variables.items())}
    # The rest is no secret: what it says is to be read.
    guarded = "".join(line for key, line in lines.items() if variables[key] and key not in public)
    program = "".join(_text(part) for part in ("common", *before, name))
    return RunCommand("".join([*lines.values(), program]), source=source, name=title, guarded=guarded)


@cache
def _text(name: str) -> str:
    lines = files(__package__).joinpath("scripts", f"{name}.sh").read_text().splitlines(keepends=True)
    # Comments are for whoever reads the file; the host gets it with every run.
    return "".join(line for line in lines if line.strip() and not line.lstrip().startswith("#"))
