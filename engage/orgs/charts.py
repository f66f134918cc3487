"""Charts drawn on the server as SVG: no script, no inline style, readable in print and in the dark.

Colours come from classes (`static/css/numbers.css`), so the strict page policy holds. A chart carries its numbers
as rows: `<c-chart :chart="chart">` shows them as a table under the picture (Q-29).
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import Enum, auto
from typing import Final, NamedTuple

from babel.numbers import get_currency_precision
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString

from engage.orgs import formatting
from engage.orgs.formatting import PLAIN, Style

TONES: Final = frozenset({"brand", "other", "ok", "warn", "bad", "none"})


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


@dataclass(frozen=True)
class _Frame:
    """The plotting area inside its margins, in the units of the SVG."""

    name: str
    width: int
    height: int
    low: float = 0
    high: float = 1
    left: int = 48
    right: int = 10
    top: int = 10
    bottom: int = 24

    def x(self, share: float) -> float:
        return self.left + share * (self.width - self.left - self.right)

    def y(self, value: float) -> float:
        share = (value - self.low) / (self.high - self.low)
        return self.height - self.bottom - share * (self.height - self.top - self.bottom)

    def picture(self, describe: str, body: Iterable[SafeString]) -> SafeString:
        return format_html(
            '<svg class="chart {}" viewBox="0 0 {} {}" role="img" aria-label="{}">{}</svg>',
            self.name, self.width, self.height, describe, _join(body),
        )  # fmt: skip


_SIZES: Final = (("narrow", 320, 200), ("middle", 720, 220), ("wide", 1120, 250))


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
    line = _path(dots)
    role = format_html('role="img" aria-label="{}"', label) if label else SafeString('aria-hidden="true"')
    return format_html(
        '<svg class="spark" viewBox="0 0 {w} {h}" width="{w}" height="{h}" {role}>'
        '<polygon class="spark-area" points="2,{h} {line} {end},{h}"/>'
        '<polyline class="spark-line" points="{line}"/><circle class="spark-dot" cx="{x}" cy="{y}" r="2.2"/></svg>',
        w=width, h=height, end=width - 2, line=line, role=role, x=_at(dots[-1][0]), y=_at(dots[-1][1]),
    )  # fmt: skip


def split(parts: Sequence[tuple[str, float]], *, label: str, width: int = 120, height: int = 6) -> SafeString:
    """One bar in parts, each (tone, value). Without a label it is decoration beside its number."""
    total = sum(value for _, value in parts) or 1
    drawn, x = [], 0.0
    for tone, value in parts:
        part = width * value / total
        if part and tone != "none":
            drawn.append(_rect(tone, x, 0, max(part - 0.8, 0.6), height))
        x += part
    role = format_html('role="img" aria-label="{}"', label) if label else SafeString('aria-hidden="true"')
    return format_html(
        '<svg class="split" viewBox="0 0 {w} {h}" width="{w}" height="{h}" preserveAspectRatio="none" {role}>'
        '<rect class="track" width="{w}" height="{h}" rx="3"/>{parts}</svg>',
        w=width, h=height, role=role, parts=_join(drawn),
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
    _check(labels, series)
    sums = [sum(one.values[at] or 0 for one in series) for at in range(len(labels))]
    ticks = _ticks(0, max(sums, default=0), whole=unit is Unit.COUNT)
    rows = _rows(labels, series, unit, style)
    pictures = [
        frame.picture(
            _describe(title, rows), [*_grid(frame, ticks, unit, style), *_bars(frame, labels, series, rows)]
        )
        for frame in _frames(ticks)
    ]
    return Chart(_join(pictures), ["", *(one.name for one in series)], rows, _legend(series))


def lines(
    labels: Sequence[str],
    series: Sequence[Series],
    *,
    title: str,
    unit: Unit = Unit.COUNT,
    style: Style = PLAIN,
) -> Chart:
    """Lines over time, the second dashed, each with its interval as a band where it has one."""
    _check(labels, series)
    known = [v for one in series for v in (*one.values, *one.low, *one.high) if v is not None]
    ticks = _ticks(min(known, default=0), max(known, default=0), whole=unit is Unit.COUNT)
    rows = _rows(labels, series, unit, style)
    pictures = [
        frame.picture(
            _describe(title, rows),
            [*_grid(frame, ticks, unit, style), *_names(frame, labels), *_lines(frame, len(labels), series),
             *_tips(frame, series, rows)],
        )
        for frame in _frames(ticks)
    ]  # fmt: skip
    return Chart(_join(pictures), ["", *(one.name for one in series)], rows, _legend(series))


def intervals(
    estimates: Sequence[Estimate], *, title: str, unit: Unit = Unit.POINTS, style: Style = PLAIN
) -> Chart:
    """A dot with its interval in each row, against a line at zero: whether a lift is real at a glance."""
    known = [v for one in estimates for v in (one.low, one.value, one.high) if v is not None]
    ticks = _ticks(min(known, default=0), max(known, default=0), whole=False)
    rows = [
        [one.label, *(_write(v, unit, style) for v in (one.low, one.value, one.high)), one.note]
        for one in estimates
    ]
    pictures = []
    for name, width, _ in _SIZES:
        left, step = (10, 46) if name == "narrow" else (190, 30)
        frame = _Frame(name, width, 34 + step * len(estimates), ticks[0], ticks[-1], left=left, right=24)
        pictures.append(
            frame.picture(
                _describe(title, rows), _intervals(frame, step, ticks, estimates, rows, (unit, style))
            )
        )
    return Chart(_join(pictures), ["", "From", "Estimate", "To", "Note"], rows)


def _frames(ticks: Sequence[float]) -> list[_Frame]:
    return [_Frame(name, width, height, ticks[0], ticks[-1]) for name, width, height in _SIZES]


def _check(labels: Sequence[str], series: Sequence[Series]) -> None:
    for one in series:
        if len(one.values) != len(labels):
            raise ValueError(f"{one.name}: {len(one.values)} values for {len(labels)} labels")


def _ticks(low: float, high: float, *, whole: bool) -> list[float]:
    """About five round values that enclose the data and zero."""
    low, high = min(low, 0), max(high, 0)
    rough = ((high - low) or 1) / 4
    power = 10.0 ** math.floor(math.log10(rough))
    step = next(m * power for m in (1, 2, 2.5, 5, 10) if m * power >= rough * 0.999)
    if whole:
        step = max(math.ceil(step), 1)
    first, last = math.floor(low / step), math.ceil(high / step - 1e-9)
    return [round(step * at, 10) for at in range(first, max(last, first + 1) + 1)]


def _write(value: float | None, unit: Unit, style: Style) -> str:
    match unit:
        case Unit.PERCENT:
            return formatting.percent(value, style)
        case Unit.POINTS:
            return formatting.points(value, style)
        case Unit.MONEY:
            return formatting.money(None if value is None else round(value), style)
        case Unit.COUNT:
            return formatting.number(value, style)


def _tick_texts(ticks: Sequence[float], unit: Unit, style: Style) -> list[str]:
    if unit is Unit.MONEY:
        ticks = [tick / 10 ** get_currency_precision(style.currency) for tick in ticks]
    suffix = "%" if unit is Unit.PERCENT else ""
    return [text + suffix for text in formatting.axis(ticks, style)]


def _rows(labels: Sequence[str], series: Sequence[Series], unit: Unit, style: Style) -> list[list[str]]:
    return [
        [label, *(_with_interval(one, at, unit, style) for one in series)] for at, label in enumerate(labels)
    ]


def _with_interval(one: Series, at: int, unit: Unit, style: Style) -> str:
    text = _write(one.values[at], unit, style)
    if not one.low or one.values[at] is None:
        return text
    return f"{text} ({_write(one.low[at], unit, style)} to {_write(one.high[at], unit, style)})"


def _describe(title: str, rows: Sequence[Sequence[str]]) -> str:
    """What a screen reader says for the picture; the table has the rest."""
    if not rows:
        return f"{title}. No data."
    return f"{title}. From {rows[0][0]} to {rows[-1][0]}; the numbers are in the table below."


def _legend(series: Sequence[Series]) -> list[tuple[str, str]]:
    return [(one.name, one.tone) for one in series]


def _grid(frame: _Frame, ticks: Sequence[float], unit: Unit, style: Style) -> list[SafeString]:
    return [
        format_html(
            '<line class="{}" x1="{}" x2="{}" y1="{y}" y2="{y}"/><text class="tick" x="{}" y="{}" text-anchor="end">{}</text>',
            "zero" if tick == 0 else "grid", frame.left, frame.width - frame.right, frame.left - 6,
            _at(frame.y(tick) + 3.5), text, y=_at(frame.y(tick)),
        )
        for tick, text in zip(ticks, _tick_texts(ticks, unit, style), strict=True)
    ]  # fmt: skip


def _names(frame: _Frame, labels: Sequence[str]) -> list[SafeString]:
    """Labels under the axis, as many as fit without touching."""
    if not labels:
        return []
    room = max((frame.width - frame.left - frame.right) / (max(map(len, labels)) * 6.4 + 14), 1)
    every = math.ceil(len(labels) / room)
    return [
        format_html(
            '<text class="tick" x="{}" y="{}" text-anchor="middle">{}</text>',
            _at(frame.x((at + 0.5) / len(labels))), frame.height - 7, label,
        )
        for at, label in enumerate(labels) if at % every == 0
    ]  # fmt: skip


def _tips(frame: _Frame, series: Sequence[Series], rows: Sequence[Sequence[str]]) -> list[SafeString]:
    """One column over each label that names its numbers under the pointer."""
    step = (frame.width - frame.left - frame.right) / (len(rows) or 1)
    return [
        format_html(
            '<rect class="hit" x="{}" y="{}" width="{}" height="{}"><title>{}</title></rect>',
            _at(frame.left + at * step), frame.top, _at(step), frame.height - frame.top - frame.bottom,
            f"{row[0]}: " + ", ".join(f"{one.name} {text}" for one, text in zip(series, row[1:], strict=True)),
        )
        for at, row in enumerate(rows)
    ]  # fmt: skip


def _bars(
    frame: _Frame, labels: Sequence[str], series: Sequence[Series], rows: Sequence[Sequence[str]]
) -> list[SafeString]:
    step = (frame.width - frame.left - frame.right) / (len(labels) or 1)
    wide = min(step * 0.62, 34)
    drawn = _names(frame, labels)
    for at in range(len(labels)):
        below = 0.0
        for one in series:
            value = one.values[at] or 0
            top, foot = frame.y(below + value), frame.y(below)
            if value:
                # A hair between the parts; a small part stays visible.
                drawn.append(
                    _rect(
                        one.tone,
                        frame.left + at * step + (step - wide) / 2,
                        top,
                        wide,
                        max(foot - top - 1, 0.8),
                    )
                )
            below += value
    return [*drawn, *_tips(frame, series, rows)]


def _lines(frame: _Frame, count: int, series: Sequence[Series]) -> list[SafeString]:
    drawn = []
    for number, one in enumerate(series):
        _tone(one.tone)
        if one.low and one.high:
            low = _dots(frame, count, one.low)
            for run_low, run_high in zip(low, _dots(frame, count, one.high), strict=True):
                drawn.append(
                    format_html(
                        '<polygon class="band-{}" points="{}"/>',
                        one.tone,
                        _path([*run_low, *reversed(run_high)]),
                    )
                )
        dashed = " dashed" if number else ""
        for run in _dots(frame, count, one.values):
            if len(run) == 1:
                drawn.append(_dot(one.tone, *run[0]))
            drawn.append(
                format_html('<polyline class="line-{}{}" points="{}"/>', one.tone, dashed, _path(run))
            )
    return drawn


def _dots(frame: _Frame, count: int, values: Sequence[float | None]) -> list[list[tuple[float, float]]]:
    """The points of a line, a new list after each gap."""
    runs: list[list[tuple[float, float]]] = [[]]
    for at, value in enumerate(values):
        if value is None:
            runs.append([])
        else:
            runs[-1].append((frame.x((at + 0.5) / count), frame.y(value)))
    return [run for run in runs if run]


def _intervals(
    frame: _Frame,
    step: int,
    ticks: Sequence[float],
    estimates: Sequence[Estimate],
    rows: Sequence[Sequence[str]],
    writing: tuple[Unit, Style],
) -> list[SafeString]:
    def x(value: float) -> float:
        return frame.x((value - ticks[0]) / (ticks[-1] - ticks[0]))

    foot = frame.height - frame.bottom
    drawn = [
        format_html(
            '<line class="{}" x1="{x}" x2="{x}" y1="4" y2="{}"/><text class="tick" x="{x}" y="{}" text-anchor="middle">{}</text>',
            "zero" if tick == 0 else "grid", foot, frame.height - 7, text, x=_at(x(tick)),
        )
        for tick, text in zip(ticks, _tick_texts(ticks, *writing), strict=True)
    ]  # fmt: skip
    for at, (one, row) in enumerate(zip(estimates, rows, strict=True)):
        y = 10 + step * at + step / 2
        name_x, name_y = (frame.left, y - 14) if frame.name == "narrow" else (0, y + 4)
        drawn.append(
            format_html('<text class="name" x="{}" y="{}">{}</text>', name_x, _at(name_y), one.label)
        )
        if one.low is None or one.value is None or one.high is None:
            drawn.append(
                format_html(
                    '<text class="tick" x="{}" y="{}">{}</text>',
                    _at(x(0) + 8),
                    _at(y + 4),
                    one.note or formatting.DASH,
                )
            )
            continue
        tone = "ok" if one.low > 0 else "bad" if one.high < 0 else "brand"
        drawn.append(
            format_html(
                '<g><title>{}</title><line class="line-{}" x1="{}" x2="{}" y1="{y}" y2="{y}"/>{}</g>',
                f"{one.label}: {row[2]}, {row[1]} to {row[3]}", tone, _at(x(one.low)), _at(x(one.high)),
                _dot(tone, x(one.value), y), y=_at(y),
            )
        )  # fmt: skip
    return drawn


def _tone(tone: str) -> str:
    if tone not in TONES:
        raise ValueError(f"{tone!r} is not one of the chart's tones: {', '.join(sorted(TONES))}")
    return tone


def _rect(tone: str, x: float, y: float, width: float, height: float) -> SafeString:
    return format_html(
        '<rect class="fill-{}" x="{}" y="{}" width="{}" height="{}" rx="2"/>',
        _tone(tone), _at(x), _at(y), _at(width), _at(height),
    )  # fmt: skip


def _dot(tone: str, x: float, y: float) -> SafeString:
    return format_html('<circle class="fill-{}" cx="{}" cy="{}" r="4"/>', _tone(tone), _at(x), _at(y))


def _path(dots: Iterable[tuple[float, float]]) -> str:
    return " ".join(f"{_at(x)},{_at(y)}" for x, y in dots)


def _at(value: float) -> str:
    return f"{value:.1f}".removesuffix(".0")


def _join(parts: Iterable[SafeString]) -> SafeString:
    return format_html_join("", "{}", ((part,) for part in parts))
