"""Exit codes, and errors as lines on standard error."""

from __future__ import annotations

import errno
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from enum import IntEnum

import typer

from capra.cli.streams import lose
from capra.cli.text import printable
from capra.errors import CapraError, InputError, InputErrors, Retry


class ExitCode(IntEnum):
    """What a command ends with; docs/reference/cli.md."""

    DONE = 0
    FAILED = 1
    BAD_INPUT = 2
    UNREACHABLE = 3
    INTERRUPTED = 130
    TERMINATED = 143


def note(text: str) -> None:
    """A sentence for the person, beside the command's output."""
    typer.echo(printable(f"capra: {text}"), err=True)


def print_error(error: CapraError) -> None:
    """One line for each error."""
    for one in error.errors if isinstance(error, InputErrors) else (error,):
        note(f"error: {one}")


@contextmanager
def reporting_errors() -> Iterator[None]:
    """Turns what a command raises into a message and an exit code: never a traceback for bad input."""
    try:
        yield
    except InputError as error:
        print_error(error)
        raise typer.Exit(ExitCode.BAD_INPUT) from None
    except Retry as error:
        print_error(error)
        raise typer.Exit(ExitCode.UNREACHABLE) from None
    except CapraError as error:
        print_error(error)
        raise typer.Exit(ExitCode.FAILED) from None
    except KeyboardInterrupt:
        raise typer.Exit(ExitCode.INTERRUPTED) from None
    except BrokenPipeError:
        # Whoever read the output has gone; nothing more can be said there, not even when the interpreter ends.
        lose(sys.stdout.fileno())
        raise typer.Exit(ExitCode.FAILED) from None
    except OSError as error:
        if error.errno != errno.ENOSPC:
            raise
        lose(sys.stdout.fileno())
        note(f"error: there is no room for the output{f' ({error.filename})' if error.filename else ''}")
        raise typer.Exit(ExitCode.FAILED) from None
