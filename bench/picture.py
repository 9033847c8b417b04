"""Bars as an SVG picture: groups of bars below each other, each group with a scale of its own."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from pathlib import Path

WIDTH, MARGIN, LABELS, VALUES = 760, 16, 190, 130
"""Pixels: of the picture, around it, of the names on the left, of the values on the right."""
LINE = 20
COLOURS = ("#5b7fa6", "#d08a3c", "#6b9a5b", "#a35f8f", "#8a8a8a")
FONT = "font-family='system-ui, sans-serif' font-size='12'"


@dataclass(frozen=True)
class Bar:
    """One value. Bars whose names are alike up to a comma have the same colour. note: words beside the value."""

    name: str
    value: float
    unit: str
    note: str = ""

    @property
    def kind(self) -> str:
        """What decides its colour."""
        return self.name.partition(",")[0]


@dataclass(frozen=True)
class Group:
    """Bars that are compared with each other: they should have one unit."""

    title: str
    bars: Sequence[Bar]


def write(path: Path, title: str, groups: Sequence[Group], caption: str = "") -> None:
    """Write the picture. caption: a line below the title, such as what it was measured on."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(svg(title, groups, caption))


def svg(title: str, groups: Sequence[Group], caption: str = "") -> str:
    """The picture as text."""
    kinds = list(dict.fromkeys(bar.kind for group in groups for bar in group.bars))
    colours = {kind: COLOURS[number % len(COLOURS)] for number, kind in enumerate(kinds)}
    top = MARGIN + LINE
    parts = [_text(MARGIN, top, title, "font-size='16' font-weight='bold'")]
    if caption:
        top += LINE
        parts.append(_text(MARGIN, top, caption, "fill='#666'"))
    for group in groups:
        top += LINE + LINE // 2
        parts.append(_text(MARGIN, top, group.title, "font-weight='bold'"))
        longest = max((bar.value for bar in group.bars), default=0.0)
        for bar in group.bars:
            top += LINE
            parts += _bar(top, bar, longest, colours[bar.kind])
    height = top + MARGIN
    head = f"<svg xmlns='http://www.w3.org/2000/svg' width='{WIDTH}' height='{height}' role='img' {FONT}>"
    return "\n".join([head, "<rect width='100%' height='100%' fill='white'/>", *parts, "</svg>", ""])


def _bar(top: int, bar: Bar, longest: float, colour: str) -> list[str]:
    """A line of the picture; `top` is the line that its text stands on."""
    left = MARGIN + LABELS
    length = round((WIDTH - left - MARGIN - VALUES) * (bar.value / longest if longest > 0 else 0), 1)
    words = " ".join(word for word in (f"{bar.value:.3g}" if bar.value < 100 else f"{bar.value:.0f}", bar.unit) if word)
    told = f"{words}, {bar.note}" if bar.note else words
    return [
        _text(left - 8, top, bar.name, "text-anchor='end'"),
        f"<rect x='{left}' y='{top - 12}' width='{max(length, 1)}' height='15' fill='{colour}'/>",
        _text(left + length + 6, top, told),
    ]


def _text(x: float, y: int, text: str, style: str = "") -> str:
    return f"<text x='{x:g}' y='{y}' {style}>{escape(text)}</text>"
