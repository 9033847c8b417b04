"""What stands where credentials do, in commands and in configuration files. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import islice

from capra.engine.redaction.ordinary import is_ordinary, is_path
from capra.engine.redaction.pieces import lines, pieces
from capra.engine.redaction.shell_words import ShellCommand, expansions, literals, shell_commands

MINIMUM_PASSWORD = 6
LONGEST = 1024
"""How many characters of a command's word are read: passwords are shorter."""

ROOM, EACH = 2**23, 64
"""Bytes for all that is found in one text, and for each find besides its characters. The rest stays hidden as a
line, and where it looks like a password."""

ASSIGNED = 1000
"""Values of variables that are looked at."""

DEPTH = 3
"""How many levels of shell commands inside shell commands are read."""

_KEY = r"(?:api|access|secret|private|auth|account|encryption|signing|master|license)[_-]?key"
_NAMES = rf"(?:pass(?:word|wd|phrase)?|pwd?|secret|token|{_KEY}|credentials?)"
_VALUE = r"(\"[^\"\n]*\"|'[^'\n]*'|[^\s\"']+)"
_ENDS = re.compile(r"[,;)}\]]")
# password=…, TOKEN: …, "secret": "…", --api-key=…
_NAMED = re.compile(rf"(?i){_NAMES}[\"']?\s*[=:]\s*(?=(\S{{1,256}})){_VALUE}")
_MAILED = re.compile(r"[\w.+-]{1,64}:([^\s@/\"']{1,256})@")
_RAW = (
    re.compile(rf"(?i)(?<!-)--?(?:[a-z-]{{0,40}}-)?{_NAMES}\s+{_VALUE}"),
    # mysql -pPASSWORD, curl -u user:password
    re.compile(rf"(?:^|\s)-p{_VALUE}"),
    re.compile(r"(?:\s-u|--(?:proxy-)?user)[ =]?[\"']?[^\s:\"']{1,64}:([^\s\"']+)"),
    re.compile(rf"(?i)\b(?:bearer|basic)\s+(?=(\S{{1,256}})){_VALUE}"),
)
_HINT = re.compile(r"(?i)pas|pw|secr|tok|key|cred|[\s'\"\\]-[a-z]*[pauws]|--|@|bear|basi|sudo|cryptsetup|kinit")
"""What every line with a credential has; much faster to look for."""

_ASSIGNED = re.compile(rf"(?is)(?:{_NAMES}\w*[\"']?\s*[=:]|^[A-Z0-9_]*KEY=)\s*(.+)")
_ASKING = re.compile(rf"(?i)--?(?:[a-z-]*-)?{_NAMES}$")
_SHORT = re.compile(r"-[paPw]$")
_USER = re.compile(r"(?s)(?:-[uU]|--(?:proxy-)?user=?)?([^\s:%=]+)[:%](.+)")
_URL = re.compile(r"(?s)://[^/\s:@]*:(.+)@")
_PORT = re.compile(r"[0-9]{2,5}/[\w./-]*$")
_TAKE_PASSWORDS = re.compile(r"^(?:redis-cli|sshpass|mysql\w*|mariadb\w*|htpasswd|useradd|usermod|ldap\w+)$|^login$")
_READS = re.compile(r"--stdin\b|password-stdin|passwd\b|\bcryptsetup\b|\bkinit\b")
_ASSIGNMENT = re.compile(r"(?m)(?:^|[\s;&|('\"])([A-Za-z_]\w*)=")
_STANDARD_INPUT = re.compile(r"-[A-Za-z]*S")
_BLANK = re.compile(r"\s")
_VARIABLE = re.compile(r"\$(?:[A-Z_][A-Z0-9_]*|[a-z_][a-z0-9_]*|\{[^{}]*\}|\(.*|\{\{.*)$|<[\w .-]+>$|\{\{.*")


def credentials_in(text: str) -> frozenset[str]:
    """The texts of 6 characters or more that stand in a credential's place, and the values of the variables there."""
    found = _within_room(_in_text(text))
    if names := {name for value in found for name in expansions(value)}:
        found.update(
            word for value in islice(_assigned(text, names), ASSIGNED) for word in shell_commands(value)[0].words[:1]
        )
    told = {part for value in found for part in literals(value)}
    told |= {part for value in told for part in (_ENDS.split(value)[0], value.rstrip(",;)}]\"'"), value.strip("\"'"))}
    return frozenset(value for value in told if len(value) >= MINIMUM_PASSWORD and not _names(value))


def _within_room(values: Iterator[str]) -> set[str]:
    found: set[str] = set()
    room = ROOM
    for value in values:
        if value not in found:
            found.add(value)
            room -= len(value) + EACH
        if room < 0:
            break
    return found


def _short_lines(text: str) -> Iterator[str]:
    """Its lines, the long ones in pieces."""
    return (piece for whole in lines(text) for piece in pieces(whole))


def _in_text(text: str) -> Iterator[str]:
    end = ""
    for line in _short_lines(text):
        if end:
            end = "" if line.strip() == end else end
            yield from _given(line)
        elif _HINT.search(line):
            yield from _in_line(line, DEPTH)
            end = _here_document(line) if "<<" in line and _READS.search(line) else ""


def _assigned(text: str, names: set[str]) -> Iterator[str]:
    """What follows `name=`, and more of the line."""
    for line in _short_lines(text):
        for match in _ASSIGNMENT.finditer(line):
            if match[1] in names:
                yield line[match.end() : match.end() + LONGEST]


def _names(value: str) -> bool:
    """A path, an option, a variable or a substitution: the credential stands somewhere else."""
    return is_path(value) or re.match(r"--?[a-z][a-z-]*$", value) is not None or _VARIABLE.match(value) is not None


def _here_document(line: str) -> str:
    return next((command.end for command in shell_commands(line) if command.end), "")


def _in_line(line: str, depth: int) -> Iterator[str]:
    yield from _raw(line)
    reads = False
    for command in reversed(shell_commands(line)):
        yield from _in_command(command)
        reads = reads or _reads(command)
        if reads:
            for word in [*(command.words[1:] if command.piped else ()), *command.here]:
                yield from _given(word)
        for word in command.words:
            if depth and _BLANK.search(word):
                yield from _in_line(word, depth - 1)


def _raw(line: str) -> Iterator[str]:
    """What follows a name or an option, in lines of any language."""
    patterns = [*_RAW, *([_NAMED] if "=" in line or ":" in line else []), *([_MAILED] if "@" in line else [])]
    for pattern in patterns:
        for match in pattern.finditer(line):
            yield from (value.strip("\"'") for value in match.groups())


def _reads(command: ShellCommand) -> bool:
    """Whether the program asks its input for a password."""
    if "sudo" in command.words and any(_STANDARD_INPUT.match(word) for word in command.words):
        return True
    return any(_READS.search(word) for word in command.words)


def _given(word: str) -> Iterator[str]:
    """What a program that asks for a password is given: that, twice, or after the user's name."""
    for line in [word, *re.split(r"\\n|\n", word)]:
        if not re.match(r"-\w{1,2}$|%s", line):
            yield line
            yield from (password for _, found, password in [line.partition(":")] if found)


def _in_command(command: ShellCommand) -> Iterator[str]:
    words = command.words
    takes = any(_TAKE_PASSWORDS.match(word.rpartition("/")[2]) for word in words)
    for before, word in zip(["", *words], words, strict=False):
        if len(word) > LONGEST:
            continue
        if "=" in word or ":" in word:
            yield from _ASSIGNED.findall(word)
        if "@" in word:
            yield from (value for value in _URL.findall(word) if not _PORT.match(value))
        if _ASKING.match(before) or (_SHORT.match(before) and (takes or not is_ordinary(word))):
            yield word
        if word.startswith("-p") and not word.startswith("--"):
            yield word[2:]
        if before in ("-u", "-U", "--user", "--proxy-user") or word.startswith(
            ("-u", "-U", "--user=", "--proxy-user=")
        ):
            yield from (match[2] for match in [_USER.match(word)] if match)
