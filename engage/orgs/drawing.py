"""The shapes that charts are made of: SVG as safe text, every word in it escaped, every colour a known class."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString

TONES: Final = frozenset({"brand", "other", "ok", "warn", "bad"})

Dots = Sequence[tuple[float, float]]


@dataclass(frozen=True)
class Frame:
    """A picture of one width and the plotting area inside its margins; `low` and `high` end its value axis."""

    name: str
    width: int
    height: int
    low: float
    high: float
    left: int = 48
    right: int = 10
    top: int = 10
    bottom: int = 24

    @property
    def foot(self) -> int:
        return self.height - self.bottom

    @property
    def plot_width(self) -> int:
        return self.width - self.left - self.right

    def x(self, share: float) -> float:
        return self.left + share * self.plot_width

    def x_of(self, value: float) -> float:
        return self.x((value - self.low) / (self.high - self.low))

    def y_of(self, value: float) -> float:
        return self.foot - (value - self.low) / (self.high - self.low) * (self.foot - self.top)

    def picture(self, describe: str, body: Iterable[SafeString]) -> SafeString:
        return format_html(
            '<svg class="chart {}" viewBox="0 0 {} {}" role="img" aria-label="{}">{}</svg>',
            self.name, self.width, self.height, describe, join(body),
        )  # fmt: skip


def round_ticks(low: float, high: float, *, whole: bool) -> list[float]:
    """About five round values that enclose the data and zero; `whole` where a part of one makes no sense."""
    low, high = min(low, 0), max(high, 0)
    rough = ((high - low) or 1) / 4
    power = 10.0 ** math.floor(math.log10(rough))
    step = next(m * power for m in (1, 2, 2.5, 5, 10) if m * power >= rough * 0.999)
    if whole:
        step = max(math.ceil(step), 1)
    first, last = math.floor(low / step), math.ceil(high / step - 1e-9)
    return [round(step * at, 10) for at in range(first, max(last, first + 1) + 1)]


def role(label: str) -> SafeString:
    """A picture that says something, or decoration beside words that do."""
    return format_html('role="img" aria-label="{}"', label) if label else SafeString('aria-hidden="true"')


def words(text: str, x: float, y: float, *, css: str = "tick", anchor: str = "middle") -> SafeString:
    return format_html(
        '<text class="{}" x="{}" y="{}" text-anchor="{}">{}</text>', css, at(x), at(y), anchor, text
    )


def rule(css: str, start: tuple[float, float], end: tuple[float, float]) -> SafeString:
    return format_html(
        '<line class="{}" x1="{}" y1="{}" x2="{}" y2="{}"/>', css, *(at(value) for value in (*start, *end))
    )


def box(tone: str, x: float, y: float, width: float, height: float) -> SafeString:
    return format_html(
        '<rect class="fill-{}" x="{}" y="{}" width="{}" height="{}" rx="2"/>',
        known(tone), at(x), at(y), at(width), at(height),
    )  # fmt: skip


def dot(tone: str, x: float, y: float) -> SafeString:
    return format_html('<circle class="fill-{}" cx="{}" cy="{}" r="4"/>', known(tone), at(x), at(y))


def line(tone: str, dots: Dots, *, dashed: bool = False) -> SafeString:
    css = f"line-{known(tone)}{' dashed' if dashed else ''}"
    return format_html('<polyline class="{}" points="{}"/>', css, path(dots))


def band(tone: str, lower: Dots, upper: Dots) -> SafeString:
    outline = [*lower, *reversed(upper)]
    return format_html('<polygon class="band-{}" points="{}"/>', known(tone), path(outline))


def tip(text: str, x: float, y: float, width: float, height: float) -> SafeString:
    """A clear area that names its numbers under the pointer."""
    return format_html(
        '<rect class="hit" x="{}" y="{}" width="{}" height="{}"><title>{}</title></rect>',
        at(x), at(y), at(width), at(height), text,
    )  # fmt: skip


def known(tone: str) -> str:
    if tone not in TONES:
        raise ValueError(f"{tone!r} is not one of the chart's tones: {', '.join(sorted(TONES))}")
    return tone


def path(dots: Dots) -> str:
    return " ".join(f"{at(x)},{at(y)}" for x, y in dots)


def at(value: float) -> str:
    return f"{value:.1f}".removesuffix(".0")


def join(parts: Iterable[SafeString]) -> SafeString:
    return format_html_join("", "{}", ((part,) for part in parts))
