"""Hooks of mkdocs: the start page, the pages of the reference that are made of code, and links that lead out of docs/.

Called by `make docs` and `make check` (mkdocs.yml, `hooks`).
"""

from __future__ import annotations

import ast
import inspect
import posixpath
import re
import textwrap
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import fields
from pathlib import Path
from typing import Any

import typer
import yaml
from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files
from mkdocs.structure.pages import Page

from capra.cli.app import COMMANDS, GROUPS
from capra.cli.errors import ExitCode
from capra.cli.loading import load_command
from capra.controller.serving.metrics import Metrics
from capra.settings import PREFIX, ControllerSettings, Settings

ROOT = Path(__file__).resolve().parents[1]
LINK = re.compile(r"(\]\()([^)#\s:]+)(#[^)\s]*)?(\))")
CODE = re.compile(r"(```.*?```|`[^`\n]*`)", re.DOTALL)
WIDTH = 100
"""Columns of the commands' help."""


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Adds the pages that are made."""
    for path, make in PAGES.items():
        files.append(File.generated(config, path, content=make()))
    return files


def on_page_markdown(markdown: str, page: Page, config: MkDocsConfig, files: Files) -> str:
    """Leads links to files of the repository that are no pages to where the repository is."""
    folder = posixpath.dirname(page.file.src_path)
    parts = CODE.split(markdown)
    return "".join(part if index % 2 else _with_links(part, folder, config, files) for index, part in enumerate(parts))


def _with_links(text: str, folder: str, config: MkDocsConfig, files: Files) -> str:
    def lead(found: re.Match[str]) -> str:
        target = posixpath.normpath(posixpath.join("docs", folder, found[2]))
        inside = target.removeprefix("docs/")
        if target.startswith("docs/") and (files.get_file_from_path(inside) or not (ROOT / target).exists()):
            return found[0]
        kind = "tree" if (ROOT / target).is_dir() else "blob"
        return f"{found[1]}{config.repo_url}/{kind}/main/{target}{found[3] or ''}{found[4]}"

    return LINK.sub(lead, text)


def start_page() -> str:
    """README, as seen from docs/."""

    def lead(found: re.Match[str]) -> str:
        path = found[2].removeprefix("docs/") if found[2].startswith("docs/") else f"../{found[2]}"
        return f"{found[1]}{path}{found[3] or ''}{found[4]}"

    parts = CODE.split((ROOT / "README.md").read_text())
    return "".join(part if index % 2 else LINK.sub(lead, part) for index, part in enumerate(parts))


def decisions() -> str:
    """The list of the decisions, by number."""
    lines = ["# Decisions", "", "Why Capra is as it is: each with its reasons and its cost.", ""]
    for path in sorted((ROOT / "docs" / "decisions").glob("[0-9]*.md")):
        title = path.read_text().partition("\n")[0].removeprefix("# ")
        lines.append(f"- [{title.replace('. ', ' · ', 1)}]({path.name})")
    return "\n".join(lines) + "\n"


def command_names() -> list[str]:
    """Of every command, with its group's before it."""
    return [*COMMANDS, *(f"{group} {name}" for group, (_, names) in GROUPS.items() for name in names)]


def commands() -> str:
    """What each command says of itself."""
    parts = ["# Commands", "", "What `capra COMMAND --help` says. [The terminal](cli.md) explains it.", ""]
    for name in command_names():
        command = load_command(name)
        context = typer.Context(command, info_name=f"capra {name}", max_content_width=WIDTH, terminal_width=WIDTH)
        parts += [f"## capra {name}", "", "```text", command.get_help(context).rstrip(), "```", ""]
    codes = [(int(code), code.name.replace("_", " ").lower()) for code in ExitCode]
    parts += ["## Exit codes", "", *_table(("code", "meaning"), codes)]
    parts += ["", "130 and 143: ended by Ctrl-C or SIGTERM.", ""]
    return "\n".join(parts)


def settings() -> str:
    """Every setting with its variable and its default."""
    parts = ["# Settings", "", "A flag takes precedence over the variable, and that over the default.", ""]
    for title, kind in (("The terminal", Settings), ("The controller", ControllerSettings)):
        rows = [
            (f"`--{one.name.replace('_', '-')}`", f"`{PREFIX}{one.name.upper()}`", _default(one.default), about)
            for one, about in _documented(kind)
            if "parse" in one.metadata
        ]
        parts += [f"## {title}", "", *_table(("setting", "variable", "default", "meaning"), rows), ""]
    return "\n".join(parts)


def _default(value: object) -> str:
    text = "" if value is None else str(value)
    return f"`{text}`" if text else "none"


def _documented(kind: type[Any]) -> Iterator[tuple[Any, str]]:
    """The fields of a dataclass, and the text that stands below each in its source."""
    body = ast.parse(textwrap.dedent(inspect.getsource(kind))).body[0]
    assert isinstance(body, ast.ClassDef)
    texts: dict[str, str] = {}
    for before, statement in zip(body.body, body.body[1:], strict=False):
        match before, statement:
            case ast.AnnAssign(target=ast.Name(id=name)), ast.Expr(value=ast.Constant(value=str(text))):
                texts[name] = " ".join(text.split())
    yield from ((one, texts[one.name]) for one in fields(kind))


def api_fields() -> str:
    """Every field of every kind, as the CRDs have them."""
    parts = ["# Fields of the API", "", "Made of the CRDs. [The API](api.md) explains them.", ""]
    for path in sorted((ROOT / "crds").glob("*.yaml")):
        definition = yaml.safe_load(path.read_text())["spec"]
        stored = next(version for version in definition["versions"] if version["storage"])
        schema = stored["schema"]["openAPIV3Schema"]
        parts += [f"## {definition['names']['kind']}", "", schema.get("description", ""), ""]
        rows = [
            row
            for top in ("spec", "status")
            if top in schema["properties"]
            for row in _field_rows(top, schema["properties"][top])
        ]
        parts += [*_table(("field", "type", "default", "meaning"), rows), ""]
    return "\n".join(parts)


def _field_rows(path: str, schema: Mapping[str, Any]) -> Iterator[tuple[str, str, str, str]]:
    for name, field in schema.get("properties", {}).items():
        here = f"{path}.{name}"
        inner = field["items"] if field.get("type") == "array" and "items" in field else field
        kind = field.get("type", "any") + (f" of {inner.get('type', 'any')}" if inner is not field else "")
        default = f"`{field['default']}`" if "default" in field and field["default"] != {} else ""
        required = "required. " if name in schema.get("required", ()) else ""
        yield f"`{here}`", kind, default, required + field.get("description", "")
        yield from _field_rows(here + ("[]" if inner is not field else ""), inner)


def metrics() -> str:
    """Every metric of the controller's own."""
    rows = []
    for family in sorted(Metrics().registry.collect(), key=lambda one: one.name):
        name = family.name + ("_total" if family.type == "counter" else "")
        if name.startswith("capra_"):
            rows.append((f"`{name}`", family.type, family.documentation))
    lines = ["# Metrics", "", "Served at `/metrics`; [the controller](cli.md#the-controller) has their labels.", ""]
    return "\n".join([*lines, *_table(("metric", "type", "meaning"), rows), ""])


def roles() -> str:
    """The variables of every role."""
    parts = ["# Roles", "", "The collection `capra.machine`, for people who use Ansible alone.", ""]
    for path in sorted((ROOT / "roles").glob("*/meta/argument_specs.yml")):
        name = path.parts[-3]
        specification = yaml.safe_load(path.read_text())["argument_specs"]["main"]
        parts += [f"## {name}", "", specification["short_description"], ""]
        parts += [f"[What it does](../../roles/{name}/README.md)", ""]
        rows = [
            (f"`{variable}`", given.get("type", "str"), _default(given.get("default")), _sentences(given))
            for variable, given in specification.get("options", {}).items()
        ]
        parts += [*_table(("variable", "type", "default", "meaning"), rows), ""]
    return "\n".join(parts)


def _sentences(given: Mapping[str, Any]) -> str:
    description = given.get("description", "")
    text = description if isinstance(description, str) else " ".join(map(str, description))
    required = "required. " if given.get("required") else ""
    return required + re.sub(r"\b[A-Z]\(([^)]*)\)", r"`\1`", text)


def _table(head: Sequence[str], rows: Sequence[Sequence[object]]) -> list[str]:
    lines = [f"| {' | '.join(head)} |", f"|{'---|' * len(head)}"]
    for row in rows:
        cells = [" ".join(str(cell).split()).replace("|", "\\|").replace("<", "&lt;") for cell in row]
        lines.append(f"| {' | '.join(cells)} |")
    return lines


PAGES: Mapping[str, Callable[[], str]] = {
    "index.md": start_page,
    "decisions/index.md": decisions,
    "reference/commands.md": commands,
    "reference/settings.md": settings,
    "reference/fields.md": api_fields,
    "reference/metrics.md": metrics,
    "reference/roles.md": roles,
}
