#!/usr/bin/env python3
"""Looks for a shell function that changes a variable of its caller: all of a POSIX shell's variables are global.

Every folder with shell files named on the command line is one program. A variable that two functions assign, where
one calls the other (directly or not, but for calls in a subshell), is an error unless the comments above both name it
(`sets NAME`): then it is shared on purpose.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

FUNCTION = re.compile(r"^([a-z_]\w*)\(\) \{(.*)$")
QUOTED = re.compile(r"'[^']*'|\"(?:[^\"\\$]|\\.|\$(?!\())*\"")
"""Without the double-quoted texts that hold a command substitution: those are looked into."""

COMMENT = re.compile(r"(^|\s)#.*")
ASSIGNED = re.compile(r"(?:^|[\s;&|({])([A-Za-z_]\w*)=|\bfor ([A-Za-z_]\w*) in\b")
READ = re.compile(r"\bread ((?:-\w+ |[A-Za-z_]\w* ?)+)")
WORDS = "then|do|else|if|elif|while|until"
COMMAND = re.compile(rf"(?:^|[;&|{{!(`)]|\b(?:{WORDS})\b)\s*(?!(?:{WORDS})\b)([a-z_]\w*)(?![\w=(-])")


@dataclass(frozen=True)
class Function:
    """One function. place: `file:line`. told: the words of the comment above it. assigned: its variables. calls: the
    commands that it runs in the same shell."""

    name: str
    place: str
    told: frozenset[str]
    assigned: frozenset[str]
    calls: frozenset[str]


def functions(path: Path) -> Iterator[Function]:
    """The functions of one file, each from `name() {` to a `}` at the beginning of a line."""
    comment: list[str] = []
    body: list[str] = []
    name, place = "", ""
    for number, line in enumerate(path.read_text().splitlines(), 1):
        begins = None if name else FUNCTION.match(line)
        if begins:
            name, place, body = begins[1], f"{path}:{number}", [begins[2]]
        elif name:
            body.append(line)
        if name and (line == "}" or (begins and line.endswith("}"))):
            yield _function(name, place, comment, body)
            name, comment = "", []
        elif not name:
            comment = [*comment, line] if line.startswith("#") else []


def _function(name: str, place: str, comment: list[str], body: list[str]) -> Function:
    assigned: set[str] = set()
    calls: set[str] = set()
    for line in body:
        code = COMMENT.sub("", QUOTED.sub("''", line))
        assigned |= {first or second for first, second in ASSIGNED.findall(code)}
        assigned |= {word for words in READ.findall(code) for word in words.split() if not word.startswith("-")}
        calls |= {found[1] for found in COMMAND.finditer(code) if not found[0].lstrip().startswith("(")}
    told = frozenset(re.findall(r"\w+", " ".join(comment)))
    return Function(name, place, told, frozenset(assigned), frozenset(calls))


def reached(start: Function, program: Mapping[str, Function]) -> set[str]:
    """The functions of the program that a call of this one runs, without itself."""
    found: set[str] = set()
    waiting = [start]
    while waiting:
        for name in waiting.pop().calls & program.keys() - found:
            found.add(name)
            waiting.append(program[name])
    return found - {start.name}


def problems(program: Mapping[str, Function]) -> Iterator[str]:
    """One line for each variable that a function changes behind its caller's back."""
    for caller in program.values():
        for called in sorted(reached(caller, program)):
            other = program[called]
            shared = caller.told & other.told
            for variable in sorted((caller.assigned & other.assigned) - shared):
                change = f"which {called} ({other.place}) changes as well"
                yield f"{caller.place}: {caller.name} assigns {variable}, {change}"


def main(paths: list[str]) -> int:
    """Returns 1 with the problems on standard error, else 0."""
    found: list[str] = []
    for folder in sorted({Path(path).parent for path in paths}):
        files = sorted(Path(path) for path in paths if Path(path).parent == folder)
        found += problems({one.name: one for file in files for one in functions(file)})
    for line in found:
        print(line, file=sys.stderr)
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
