"""cloud-init's Jinja templates: a document whose first line is `## template: jinja` is rendered with instance data.

The rules are cloud-init's (its 'Instance metadata' page; cloudinit/templater.py), but for two. A name that is not known
is an error, where cloud-init writes `CI_MISSING_JINJA_VAR`. A document that Jinja cannot parse stays as it is, where
cloud-init passes it over: k0smotron's and kubeadm's providers write the header always, and what they carry along may
be a Go or Helm template.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from itertools import islice
from typing import Any

import jinja2
from jinja2 import nodes
from jinja2.sandbox import SandboxedEnvironment

from capra.bootstrap.reading.location import Location, key_name
from capra.bootstrap.reading.strict_yaml import MAX_CHARACTERS as MAX_DOCUMENT
from capra.errors import InputError

HEADER = re.compile(r"##\s*template:\s*jinja\s*", re.IGNORECASE)
# Names that only cloud-init's instance data has (its 'Instance metadata' page), and what k0smotron's CloudInitVars sets
# for the custom user data after it: whoever writes them means a template.
_INSTANCE_DATA = re.compile(
    r"\{\{[-+]?\s*(?P<name>(?:ds|v1|v2)(?=\s*[.\[])|k0smotron_\w+|local_hostname|instance_id|availability_zone"
    r"|cloud_name|subplatform|public_ssh_keys|merged_cfg|merged_system_cfg|sys_info)\b"
    r"|\{%[-+]?\s*\w+\b[^%\n]*?\b(?P<named>(?:ds|v1|v2)(?=\s*[.\[])|k0smotron_\w+)"
    # In the first column no content can stand, so this is a statement for the document itself.
    r"|^(?P<statement>\{[%#])",
    re.MULTILINE,
)
_BEGINS = re.compile(r"\{[{%#]")
_ACTS = {"variable_begin", "block_begin", "raw_begin", "comment_begin", "comment"}
MAX_PLACES = 10_000
"""In how many places of a document Jinja may have something to do before it is asked: it takes 0.1 ms for each."""

MAX_TOKENS = 100_000
"""Words and signs in all of them: two seconds."""

MAX_CHARACTERS = 2**22
"""Of a document with such places, which is searched in one pass."""

MAX_RENDERED = MAX_DOCUMENT
"""Characters of what comes out."""


class InstanceDataMissing(InputError):
    """The document has to be rendered, and nothing is known of the host yet."""


class Unrenderable(Exception):
    """line: where in the document, from 1; 0 where that is not known. problem: without content of the document."""

    def __init__(self, line: int, problem: str) -> None:
        super().__init__(line, problem)
        self.line = line
        self.problem = problem


class Scope(dict[str, Any]):
    """Names with values, or scopes below; `_path` is how a template reaches it."""

    def __init__(self, values: Mapping[str, Any], path: str = "") -> None:
        dot = f"{path}." if path else ""
        super().__init__(
            {
                name: Scope(value, f"{dot}{name}") if isinstance(value, Mapping) else value
                for name, value in values.items()
            }
        )
        self._path = path


class _Unknown(jinja2.StrictUndefined):
    """Names what is missing by its path."""

    @property
    def _undefined_message(self) -> str:
        of = self._undefined_obj
        path = f"{of._path}." if isinstance(of, Scope) and of._path else ""
        name = key_name(self._undefined_name)
        return f"{path}{name} is not known" + (f"; {_listed(of)}" if isinstance(of, Scope) else "")


def _listed(names: Mapping[str, Any]) -> str:
    """What a template may ask for instead; each has an alias with hyphens."""
    return f"known are: {', '.join(sorted(name for name in names if '-' not in name))}"


_ENVIRONMENT = SandboxedEnvironment(
    undefined=_Unknown, trim_blocks=True, extensions=["jinja2.ext.do"], autoescape=False
)


class _RefusedError(Exception):
    """What a template may not do here. The message is for a person."""


def _never(name: str) -> Callable[..., str]:
    def refuse(*_: object, **__: object) -> str:
        raise _RefusedError(f"{name} gives something else each time, and every attempt must come to the same document")

    return refuse


_ENVIRONMENT.filters["random"] = _never("random")
_ENVIRONMENT.globals["lipsum"] = _never("lipsum")

Render = Callable[[str, Mapping[str, Any]], str]
"""`render`, or the same within bounds of time and memory."""


@dataclass(frozen=True)
class Instance:
    """What templates are rendered with. variables: as `capra.bootstrap.templates.instance_data` makes them."""

    variables: Mapping[str, Any]
    render: Render


def rendered(text: str, place: Location, instance: Instance | None) -> str:
    """The document as cloud-init would read it: rendered, where its first line says so and Jinja has something to do.

    Raises InstanceDataMissing where that needs an instance and there is none; InputError that names the line and the
    name where it cannot be rendered.
    """
    if not is_template(text) or not _acts(text, place):
        return text
    if instance is None:
        problem = "has to be rendered with the host's data, which is not known yet"
        raise InstanceDataMissing(problem, subject=place.subject, field=place.field)
    try:
        return instance.render(text, instance.variables)
    except Unrenderable as error:
        problem, line = error.problem, error.line
    raise place.error(f"line {line}: {problem}" if line else problem)


def is_template(text: str) -> bool:
    """Whether the first line says so."""
    return HEADER.fullmatch(text.partition("\n")[0]) is not None


def render(text: str, variables: Mapping[str, Any]) -> str:
    """The document without its first line, rendered. Raises Unrenderable. Takes as long, and as much memory, as the
    template has it."""
    _, _, body = text.partition("\n")
    names = Scope(variables)
    line, problem = 0, ""
    try:
        made = _ENVIRONMENT.from_string(body).render(names)
        if len(made) > MAX_RENDERED:
            problem = f"it renders into more than {MAX_RENDERED} characters"
    except jinja2.UndefinedError as error:
        line, problem = _line(error), str(error)
        if "known are" not in problem:
            problem = f"{problem}; {_listed(names)}"
    except _RefusedError as error:
        line, problem = _line(error), str(error)
    except jinja2.TemplateSyntaxError as error:
        line, problem = error.lineno + 1, "is no valid Jinja template"
    except TypeError as error:
        other = "no loader" in str(error)
        problem = "includes another template, which is not supported" if other else "cannot be rendered (TypeError)"
        line = _line(error)
    except Exception as error:  # whatever a template may cause: the sandbox refuses, sums of text and numbers, …
        line, problem = _line(error), f"cannot be rendered ({type(error).__name__})"
    if problem:
        # Raised here: one raised in a handler carries the one with the content along.
        raise Unrenderable(line, problem)
    return made + ("\n" if body.endswith("\n") else "")


def _line(error: BaseException) -> int:
    """The line of the document that a failed rendering has come to."""
    line, trace = 0, error.__traceback__
    while trace is not None:
        if trace.tb_frame.f_code.co_filename == "<template>":
            line = trace.tb_lineno + 1
        trace = trace.tb_next
    return line


def _acts(text: str, place: Location) -> bool:
    """Whether Jinja has something to do in the document and can do it. Raises InputError for too much of it, and for
    names of instance data in a document that Jinja cannot parse."""
    if not _BEGINS.search(text):
        return False
    if problem := _too_much(text):
        raise place.error(problem)
    wrong = _unparsable(text)
    if not wrong:
        return any(token in _ACTS for _, token, _ in _ENVIRONMENT.lexer.tokeniter(text, None))
    if named := next(_named(text), None):
        line, name = named
        raise place.error(
            f"line {line}: {name} is for Jinja, which cannot read the document: line {wrong} is no valid template"
        )
    return False


def _too_much(text: str) -> str:
    """What there is more of than Jinja is asked about; empty where all is within bounds."""
    if len(text) > MAX_CHARACTERS:
        return f"is longer than {MAX_CHARACTERS} characters and has places that look like Jinja templates"
    if sum(1 for _ in islice(_BEGINS.finditer(text), MAX_PLACES + 1)) > MAX_PLACES:
        return f"has more than {MAX_PLACES} places that look like Jinja templates"
    try:
        tokens = sum(1 for _ in islice(_ENVIRONMENT.lexer.tokeniter(text, None), MAX_TOKENS + 1))
    except jinja2.TemplateSyntaxError:
        return ""  # neither does the parser get any further
    return f"has more than {MAX_TOKENS} words and signs in Jinja templates" if tokens > MAX_TOKENS else ""


def _named(text: str) -> Iterator[tuple[int, str]]:
    """Lines and names of instance data."""
    for match in _INSTANCE_DATA.finditer(text):
        yield text.count("\n", 0, match.start()) + 1, f"`{match[match.lastgroup or 0]}`"


def _unparsable(text: str) -> int:
    """The line that Jinja cannot read; 0 where it can read the document, as far as the document itself says. A filter
    that is not there is an error to Jinja before it renders."""
    try:
        tree = _ENVIRONMENT.parse(text)
    except jinja2.TemplateSyntaxError as error:
        return error.lineno
    except (RecursionError, ValueError, OverflowError):
        return 1
    unknown = [node.lineno for node in tree.find_all(nodes.Filter) if node.name not in _ENVIRONMENT.filters]
    unknown += [node.lineno for node in tree.find_all(nodes.Test) if node.name not in _ENVIRONMENT.tests]
    return min(unknown, default=0)
