"""Templates: all text is escaped, and what is missing is an error, not a blank."""

from __future__ import annotations

import re

import pytest
from jinja2 import UndefinedError

from capra.controller.serving.page.rendering import HERE, read_asset, render_page


def test_text_is_escaped_and_made_visible() -> None:
    page = render_page("message.html", title="<b>&\x1b[31m", told="\"'\u202e", can_log_out=False)
    assert "<h1>&lt;b&gt;&amp;</h1>" in page
    assert "<p>&#34;&#39;\ufffd</p>" in page


def test_what_is_missing_is_an_error() -> None:
    with pytest.raises(UndefinedError):
        render_page("message.html", title="x", can_log_out=False)


@pytest.mark.parametrize("path", sorted((HERE / "templates").iterdir()), ids=lambda path: path.name)
def test_no_template_goes_round_the_escaping_or_has_a_script(path: object) -> None:
    text = str(getattr(path, "read_text")())  # noqa: B009
    assert "|safe" not in text.replace(" ", "")
    assert "autoescape" not in text
    for inline in ("<script>", "style=", "onclick", "onload", "javascript:", "http://", "https://"):
        assert inline not in text


def test_tables_stay_tables_whatever_their_display_is() -> None:
    """On a phone the style makes blocks of them, and WebKit takes the roles from those that have none by name."""
    found = []
    for path in (HERE / "templates").glob("*.html"):
        found += re.findall(r"<(?:table|thead|tbody|tr|th|td)\b[^>]*>", path.read_text())
    assert len(found) > 50
    assert [tag for tag in found if "role=" not in tag] == []


def test_assets_load_nothing_of_others() -> None:
    for name in ("page.css", "page.js"):
        text = read_asset(name).decode()
        assert "http" not in text
        assert "@import" not in text
