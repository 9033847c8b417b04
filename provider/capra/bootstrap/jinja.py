"""Where Jinja would act on a document, told by Jinja itself. Nothing is rendered.

cloud-init renders a document whose first line is `## template: jinja`; k0smotron's own provisioner writes that line
always, and renders nothing. What would come out different is refused until rendering exists. A document that Jinja
cannot parse (Go and Helm templates) is not rendered by cloud-init, either: it stays as it is.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import islice

import jinja2
from jinja2 import nodes

from capra.bootstrap.location import Location

HEADER = re.compile(r"##\s*template:\s*jinja\s*", re.IGNORECASE)
# Names that only cloud-init's instance data has (its 'Instance metadata' page), and what k0smotron's CloudInitVars sets
# for the custom user data after it: these are refused in a document that Jinja cannot parse, too.
_INSTANCE_DATA = re.compile(
    r"\{\{[-+]?\s*(?P<name>(?:ds|v1|v2)(?=\s*[.\[])|k0smotron_\w+|local_hostname|instance_id|availability_zone"
    r"|cloud_name|subplatform|public_ssh_keys|merged_cfg|merged_system_cfg|sys_info)\b"
    r"|\{%[-+]?\s*\w+\b[^%\n]*?\b(?P<named>(?:ds|v1|v2)(?=\s*[.\[])|k0smotron_\w+)"
    # In the first column no content can stand, so this is a statement for the document itself.
    r"|^(?P<statement>\{[%#])",
    re.MULTILINE,
)
_BEGINS = re.compile(r"\{[{%#]")
_ACTS = {"variable_begin": "{{", "block_begin": "{%", "raw_begin": "{%", "comment_begin": "{#", "comment": "{#"}
_NAMED_AT_MOST = 10
MAX_PLACES = 10_000
"""In how many places of a document Jinja may have something to do before it is asked: it takes 0.1 ms for each."""

MAX_TOKENS = 100_000
"""Words and signs in all of them: two seconds."""

MAX_CHARACTERS = 2**22
"""Of a document with such places, which is looked through in one go."""

# As cloud-init has it (cloudinit/templater.py).
_ENVIRONMENT = jinja2.Environment(trim_blocks=True, extensions=["jinja2.ext.do"], autoescape=False)  # noqa: S701


def refuse_templates(text: str, place: Location) -> None:
    """Raises InputError that names the lines on which Jinja would act; text is a document with the header."""
    if not _BEGINS.search(text):
        return
    if problem := _too_much(text):
        raise place.error(f"{problem} that look like Jinja templates, which are not supported yet")
    found = list(_named(text))
    if _parses(text):
        lines = {line for line, _ in found}
        found += [(line, sign) for line, sign in _acting(text) if line not in lines]
    if found:
        where = [f"line {line} (`{name}`)" for line, name in sorted(found)[:_NAMED_AT_MOST]]
        more = ["and maybe more"] if len(found) >= _NAMED_AT_MOST else []
        listed = ", ".join([*where, *more])
        raise place.error(f"needs cloud-init's Jinja templates, which are not supported yet: {listed}")


def _too_much(text: str) -> str:
    """What there is more of than Jinja is asked about; empty where all is within bounds."""
    if len(text) > MAX_CHARACTERS:
        return f"is longer than {MAX_CHARACTERS} characters and has places"
    if sum(1 for _ in islice(_BEGINS.finditer(text), MAX_PLACES + 1)) > MAX_PLACES:
        return f"has more than {MAX_PLACES} places"
    try:
        tokens = sum(1 for _ in islice(_ENVIRONMENT.lexer.tokeniter(text, None), MAX_TOKENS + 1))
    except jinja2.TemplateSyntaxError:
        return ""  # neither does the parser get any further
    return f"has places with more than {MAX_TOKENS} words and signs" if tokens > MAX_TOKENS else ""


def _named(text: str) -> Iterator[tuple[int, str]]:
    """Lines and names of instance data."""
    line, place = 1, 0
    for match in _INSTANCE_DATA.finditer(text):
        line, place = line + text.count("\n", place, match.start()), match.start()
        yield line, match[match.lastgroup or 0]


def _parses(text: str) -> bool:
    """Whether Jinja could render the document, as far as the document itself says. A filter that is not there is an
    error to Jinja before it renders."""
    try:
        tree = _ENVIRONMENT.parse(text)
        filters = {node.name for node in tree.find_all(nodes.Filter)}
        tests = {node.name for node in tree.find_all(nodes.Test)}
    except (jinja2.TemplateSyntaxError, RecursionError, ValueError, OverflowError):
        return False
    return filters <= _ENVIRONMENT.filters.keys() and tests <= _ENVIRONMENT.tests.keys()


def _acting(text: str) -> Iterator[tuple[int, str]]:
    """Lines on which Jinja would do something, raw blocks and comments included, and the sign of it."""
    for line, token, _ in _ENVIRONMENT.lexer.tokeniter(text, None):
        if token in _ACTS:
            yield line, _ACTS[token]
