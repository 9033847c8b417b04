"""From what is to be shown to HTML, with Jinja2."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from capra.controller.serving.page.text import first, visible

HERE = Path(__file__).parent
SHORT = 300
"""Characters of a message in a table; the page of the machine has more."""


def _shown(value: object) -> object:
    """What stands in a template. All of it is escaped, except what a template made itself."""
    return value if hasattr(value, "__html__") or not isinstance(value, str) else visible(value)


def _environment() -> Environment:
    environment = Environment(
        loader=FileSystemLoader(HERE / "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        finalize=_shown,
        auto_reload=False,
    )
    environment.filters["brief"] = lambda text: first(text, SHORT)
    return environment


_ENVIRONMENT = _environment()


def render_page(template: str, **values: Any) -> str:
    """The template of this name below `templates`. Called in any thread."""
    return _ENVIRONMENT.get_template(template).render(values)


def read_asset(name: str) -> bytes:
    """A file below `static`."""
    return (HERE / "static" / name).read_bytes()
