"""Charts drawn on the server as SVG: no script, no inline style, readable in print and in the dark.

Colours come from classes (`static/css/numbers.css`), so the strict page policy holds. A chart carries its numbers
as rows: `<c-chart :chart="chart">` shows them as a table under the picture (Q-29).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from enum import Enum, auto
from typing import Final, NamedTuple

from babel.numbers import get_currency_precision
from django.utils.html import format_html
from django.utils.safestring import SafeString

from engage.orgs import drawing, formatting
from engage.orgs.drawing import Frame
from engage.orgs.formatting import PLAIN, Style


class Unit(Enum):
    COUNT = auto()
    PERCENT = auto()  # a value already in percent
    POINTS = auto()  # a difference of percentages
    MONEY = auto()  # minor units of the org's currency


class Series(NamedTuple):
    """One colour of a chart. `low` and `high` draw the interval around a line; None is a gap."""

    name: str
    tone: str
    values: Sequence[float | None]
    low: Sequence[float | None] = ()
    high: Sequence[float | None] = ()


class Estimate(NamedTuple):
    """A value with its interval; all None where it is too early to tell."""

    label: str
    low: float | None
    value: float | None
    high: float | None
    note: str = ""


@dataclass(frozen=True)
class Chart:
    """A picture for three widths of its place (CSS shows one), and the numbers it was drawn from."""

    svg: SafeString
    columns: Sequence[str]
    rows: Sequence[Sequence[str]]
    legend: Sequence[tuple[str, str]] = ()


# Name and size of each picture; `static/css/numbers.css` shows the one that fits its place.
_SIZES: Final = (("narrow", 320, 200), ("middle", 720, 220), ("wide", 1120, 250))


@dataclass(frozen=True)
class _Scale:
    """What the numbers of one chart are, and how its org writes them."""

    unit: Unit
    style: Style

    def ticks(self, values: Iterable[float | None]) -> list[float]:
        known = [value for value in values if value is not None]
        whole = self.unit is Unit.COUNT
        return drawing.round_ticks(min(known, default=0), max(known, default=0), whole=whole)

    def tick_texts(self, ticks: Sequence[float]) -> list[str]:
        if self.unit is Unit.MONEY:
            ticks = [tick / 10 ** get_currency_precision(self.style.currency) for tick in ticks]
        suffix = "%" if self.unit is Unit.PERCENT else ""
        return [text + suffix for text in formatting.axis(ticks, self.style)]

    def write(self, value: float | None) -> str:
        match self.unit:
            case Unit.PERCENT:
                return formatting.percent(value, self.style)
            case Unit.POINTS:
                return formatting.points(value, self.style)
            case Unit.MONEY:
                return formatting.money(None if value is None else round(value), self.style)
            case Unit.COUNT:
                return formatting.number(value, self.style)


def spark(
    values: Sequence[float | None], *, label: str = "", width: int = 96, height: int = 28
) -> SafeString:
    """A trend beside a number: no axis, so it only shows the shape. Empty below two values."""
    known = [value for value in values if value is not None]
    if len(known) < 2:
        return SafeString()
    low, high = min(known), max(known)
    step, scale = (width - 4) / (len(known) - 1), (height - 6) / ((high - low) or 1)
    dots = [(2 + at * step, height - 3 - (value - low) * scale) for at, value in enumerate(known)]
    x, y = dots[-1]
    return format_html(
        '<svg class="spark" viewBox="0 0 {w} {h}" width="{w}" height="{h}" {role}>'
        '<polygon class="spark-area" points="2,{h} {line} {end},{h}"/>'
        '<polyline class="spark-line" points="{line}"/><circle class="spark-dot" cx="{x}" cy="{y}" r="2.2"/></svg>',
        w=width, h=height, end=width - 2, line=drawing.path(dots), x=drawing.at(x), y=drawing.at(y),
        role=drawing.role(label),
    )  # fmt: skip


def split(parts: Sequence[tuple[str, float]], *, label: str, width: int = 120, height: int = 6) -> SafeString:
    """One bar in parts, each (tone, value); the tone "none" leaves its part empty.

    Without a label it is decoration beside its number.
    """
    total = sum(value for _, value in parts) or 1
    drawn, x = [], 0.0
    for tone, value in parts:
        part = width * value / total
        if part and tone != "none":
            drawn.append(drawing.box(tone, x, 0, max(part - 0.8, 0.6), height))
        x += part
    return format_html(
        '<svg class="split" viewBox="0 0 {w} {h}" width="{w}" height="{h}" preserveAspectRatio="none" {role}>'
        '<rect class="track" width="{w}" height="{h}" rx="3"/>{parts}</svg>',
        w=width, h=height, role=drawing.role(label), parts=drawing.join(drawn),
    )  # fmt: skip


def bars(
    labels: Sequence[str],
    series: Sequence[Series],
    *,
    title: str,
    unit: Unit = Unit.COUNT,
    style: Style = PLAIN,
) -> Chart:
    """Stacked bars, one for each label. Values are not negative; None counts as nothing."""
    scale = _Scale(unit, style)
    rows = _rows(labels, series, scale)
    sums = [sum(one.values[at] or 0 for one in series) for at in range(len(labels))]

    def body(frame: Frame) -> list[SafeString]:
        return [*_names(frame, labels), *_bars(frame, series, len(labels)), *_tips(frame, series, rows)]

    return _chart(title, series, rows, scale, scale.ticks(sums), body)


def lines(
    labels: Sequence[str],
    series: Sequence[Series],
    *,
    title: str,
    unit: Unit = Unit.COUNT,
    style: Style = PLAIN,
) -> Chart:
    """Lines over time, all but the first dashed, each with its interval as a band where it has one."""
    scale = _Scale(unit, style)
    rows = _rows(labels, series, scale)
    values = [value for one in series for value in (*one.values, *one.low, *one.high)]

    def body(frame: Frame) -> list[SafeString]:
        return [*_names(frame, labels), *_lines(frame, series), *_tips(frame, series, rows)]

    return _chart(title, series, rows, scale, scale.ticks(values), body)


def intervals(
    estimates: Sequence[Estimate], *, title: str, unit: Unit = Unit.POINTS, style: Style = PLAIN
) -> Chart:
    """A dot with its interval in each row, against a line at zero: whether a lift is real at a glance."""
    scale = _Scale(unit, style)
    ticks = scale.ticks(value for one in estimates for value in (one.low, one.value, one.high))
    rows = [
        [one.label, *(scale.write(value) for value in (one.low, one.value, one.high)), one.note]
        for one in estimates
    ]
    pictures = []
    for name, width, _ in _SIZES:
        # On a narrow picture the name stands above its interval, else to the left of it.
        left, step = (10, 46) if name == "narrow" else (190, 30)
        height = 34 + step * len(estimates)
        frame = Frame(name, width, height, ticks[0], ticks[-1], left=left, right=24, top=4)
        body = [*_columns(frame, ticks, scale), *_estimates(frame, step, estimates, rows)]
        pictures.append(frame.picture(_describe(title, rows), body))
    return Chart(drawing.join(pictures), ["", "From", "Estimate", "To", "Note"], rows)


def _chart(
    title: str,
    series: Sequence[Series],
    rows: Sequence[Sequence[str]],
    scale: _Scale,
    ticks: Sequence[float],
    body: Callable[[Frame], list[SafeString]],
) -> Chart:
    pictures = []
    for name, width, height in _SIZES:
        frame = Frame(name, width, height, ticks[0], ticks[-1])
        pictures.append(frame.picture(_describe(title, rows), [*_grid(frame, ticks, scale), *body(frame)]))
    legend = [(one.name, one.tone) for one in series]
    return Chart(drawing.join(pictures), ["", *(one.name for one in series)], rows, legend)


def _rows(labels: Sequence[str], series: Sequence[Series], scale: _Scale) -> list[list[str]]:
    for one in series:
        if len(one.values) != len(labels):
            raise ValueError(f"{one.name}: {len(one.values)} values for {len(labels)} labels")
    return [[label, *(_with_interval(one, at, scale) for one in series)] for at, label in enumerate(labels)]


def _with_interval(one: Series, at: int, scale: _Scale) -> str:
    text = scale.write(one.values[at])
    if not one.low or one.values[at] is None:
        return text
    return f"{text} ({scale.write(one.low[at])} to {scale.write(one.high[at])})"


def _describe(title: str, rows: Sequence[Sequence[str]]) -> str:
    """What a screen reader says for the picture; the table has the rest."""
    if not rows:
        return f"{title}. No data."
    return f"{title}. From {rows[0][0]} to {rows[-1][0]}; the numbers are in the table below."


def _grid(frame: Frame, ticks: Sequence[float], scale: _Scale) -> list[SafeString]:
    drawn = []
    for tick, text in zip(ticks, scale.tick_texts(ticks), strict=True):
        y = frame.y_of(tick)
        drawn += [
            drawing.rule("grid" if tick else "zero", (frame.left, y), (frame.width - frame.right, y)),
            drawing.words(text, frame.left - 6, y + 3.5, anchor="end"),
        ]
    return drawn


def _columns(frame: Frame, ticks: Sequence[float], scale: _Scale) -> list[SafeString]:
    drawn = []
    for tick, text in zip(ticks, scale.tick_texts(ticks), strict=True):
        x = frame.x_of(tick)
        drawn += [
            drawing.rule("grid" if tick else "zero", (x, frame.top), (x, frame.foot)),
            drawing.words(text, x, frame.height - 7),
        ]
    return drawn


def _names(frame: Frame, labels: Sequence[str]) -> list[SafeString]:
    """Labels under the axis, as many as fit without touching."""
    if not labels:
        return []
    widest = max(map(len, labels)) * 6.4 + 14
    every = math.ceil(len(labels) / max(frame.plot_width / widest, 1))
    return [
        drawing.words(label, frame.x((at + 0.5) / len(labels)), frame.height - 7)
        for at, label in enumerate(labels)
        if at % every == 0
    ]


def _tips(frame: Frame, series: Sequence[Series], rows: Sequence[Sequence[str]]) -> list[SafeString]:
    step = frame.plot_width / (len(rows) or 1)
    texts = [
        f"{row[0]}: " + ", ".join(f"{one.name} {text}" for one, text in zip(series, row[1:], strict=True))
        for row in rows
    ]
    height = frame.foot - frame.top
    return [
        drawing.tip(text, frame.left + at * step, frame.top, step, height) for at, text in enumerate(texts)
    ]


def _bars(frame: Frame, series: Sequence[Series], count: int) -> list[SafeString]:
    step = frame.plot_width / (count or 1)
    width = min(step * 0.62, 34)
    drawn = []
    for at in range(count):
        x, below = frame.left + at * step + (step - width) / 2, 0.0
        for one in series:
            value = one.values[at] or 0
            top, foot = frame.y_of(below + value), frame.y_of(below)
            if value:
                # A hair between the parts; a small part stays visible.
                drawn.append(drawing.box(one.tone, x, top, width, max(foot - top - 1, 0.8)))
            below += value
    return drawn


def _lines(frame: Frame, series: Sequence[Series]) -> list[SafeString]:
    drawn = []
    for number, one in enumerate(series):
        bands = zip(_dots(frame, one.low), _dots(frame, one.high), strict=True)
        drawn += [drawing.band(one.tone, lower, upper) for lower, upper in bands]
        runs = _dots(frame, one.values)
        drawn += [drawing.line(one.tone, run, dashed=number > 0) for run in runs]
        drawn += [drawing.dot(one.tone, *run[0]) for run in runs if len(run) == 1]
    return drawn


def _dots(frame: Frame, values: Sequence[float | None]) -> list[list[tuple[float, float]]]:
    """The points of a line, a new list after each gap."""
    runs: list[list[tuple[float, float]]] = [[]]
    for at, value in enumerate(values):
        if value is None:
            runs.append([])
        else:
            runs[-1].append((frame.x((at + 0.5) / len(values)), frame.y_of(value)))
    return [run for run in runs if run]


def _estimates(
    frame: Frame, step: int, estimates: Sequence[Estimate], rows: Sequence[Sequence[str]]
) -> list[SafeString]:
    drawn = []
    for at, (one, row) in enumerate(zip(estimates, rows, strict=True)):
        y = 10 + step * at + step / 2
        x, above = (frame.left, 14) if frame.name == "narrow" else (0, -4)
        drawn.append(drawing.words(one.label, x, y - above, css="name", anchor="start"))
        if one.low is None or one.value is None or one.high is None:
            drawn.append(drawing.words(one.note or formatting.DASH, frame.x_of(0) + 8, y + 4, anchor="start"))
            continue
        tone = "ok" if one.low > 0 else "bad" if one.high < 0 else "brand"
        drawn += [
            drawing.line(tone, [(frame.x_of(one.low), y), (frame.x_of(one.high), y)]),
            drawing.dot(tone, frame.x_of(one.value), y),
            drawing.tip(f"{one.label}: {row[2]}, {row[1]} to {row[3]}", 0, y - step / 2, frame.width, step),
        ]
    return drawn
