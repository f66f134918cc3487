"""Numbers as tiles: a value in the org's writing, its definition, and what stands beside it."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal

from campaigns.progress import Progress
from engage.orgs import formatting
from engage.orgs.formatting import DASH, Style
from engage.orgs.models import OrgSettings
from reporting import strip
from reporting.definitions import DEFINITIONS
from reporting.effect import Effect
from reporting.models import StripFigures
from reporting.statistics import Interval


@dataclass(frozen=True)
class Tile:
    """One number. `value` is ready to show; a dash where it does not apply (M-04)."""

    key: str
    value: str
    note: str = ""
    period: str = ""
    as_of: str = ""
    label_text: str = ""

    @property
    def label(self) -> str:
        return self.label_text or DEFINITIONS[self.key].label

    @property
    def formula(self) -> str:
        return DEFINITIONS[self.key].formula

    @property
    def population(self) -> str:
        return DEFINITIONS[self.key].population


def rate(value: float | Decimal | None, style: Style) -> str:
    """A share as percent with two decimals."""
    return formatting.percent(None if value is None else 100 * value, style)


def within(found: Interval | None, style: Style) -> str:
    """The bounds of a share's interval."""
    return "" if found is None else f"{rate(found.low, style)} to {rate(found.high, style)}"


def amount(value: float | None, style: Style) -> str:
    return formatting.money(None if value is None else round(value), style)


def delivery_share(counts: Progress) -> Decimal | None:
    """M-11 as a share."""
    told = counts.sent - counts.no_report
    return Decimal(counts.delivered) / told if told else None


def band(share: Decimal | float | None) -> tuple[str, str]:
    """M-12: the word and the tone of a delivery rate."""
    if share is None:
        return "", ""
    if share > Decimal("0.95"):
        return "healthy", "ok"
    return ("look into it", "warn") if share >= Decimal("0.8") else ("problem", "bad")


def strip_tiles(figures: StripFigures, settings: OrgSettings) -> list[Tile]:
    """The org strip (M-26)."""
    as_of = formatting.instant(figures.computed_at, settings)
    period = f"{formatting.day(figures.since, settings)} to now, {settings.time_zone}"
    share = strip.delivery_rate(figures)
    word, _ = band(share / 100 if share is not None else None)
    hit = strip.hit_rate(figures)

    def tile(key: str, value: str, note: str = "") -> Tile:
        return Tile(key, value, note, period, as_of)

    return [
        tile("contacted", formatting.compact(figures.contacted, settings)),
        tile("delivery_rate", formatting.percent(share, settings), word),
        tile("hit_rate", formatting.percent(hit, settings)),
        tile("responder_sales", formatting.money_compact(figures.responder_sales, settings)),
        tile(
            "incremental",
            formatting.money_compact(figures.incremental, settings),
            f"{figures.without_value} campaign(s) without" if figures.without_value else "",
        ),
        tile("converted", formatting.compact(figures.converted, settings)),
        tile("credits", DASH, "credits are not switched on"),
    ]


def summary_tiles(effect: Effect, counts: Progress, unsubscribed: int, settings: OrgSettings) -> list[Tile]:
    """What a campaign's summary begins with (M-25)."""
    as_of = formatting.instant(effect.computed_at, settings) if effect.computed_at else ""
    share = delivery_share(counts)
    whole_life = "Whole life of the campaign"

    def tile(key: str, value: str, note: str = "") -> Tile:
        return Tile(key, value, note, whole_life, as_of)

    return [
        tile("contacted", formatting.number(effect.test.contacted, settings)),
        tile("sent", formatting.number(counts.sent, settings)),
        tile(
            "delivered",
            formatting.number(counts.delivered, settings),
            f"{rate(share, settings)} {band(share)[0]}",
        ),
        tile("not_delivered", formatting.number(counts.not_delivered, settings)),
        tile("unsubscribed", formatting.number(unsubscribed, settings)),
    ]


def effect_tiles(effect: Effect, settings: OrgSettings) -> list[Tile]:
    """Test against control (M-17 to M-22)."""
    as_of = formatting.instant(effect.computed_at, settings) if effect.computed_at else ""
    hit, control, lift = effect.hit_rate, effect.control_hit_rate, effect.lift
    found, no_control = effect.incremental, not effect.arms.cc

    def tile(key: str, value: str, note: str = "") -> Tile:
        return Tile(key, value, note, "Campaign's dates", as_of)

    bounds = ""
    if found is not None and effect.incremental_has_interval:
        bounds = f"{amount(found.low, settings)} to {amount(found.high, settings)}"
    lift_text = formatting.points(None if lift is None else 100 * lift.value, settings)
    lift_note = "" if lift is None else f"{100 * lift.low:.2f} to {100 * lift.high:.2f}"
    return [
        tile("hit_rate", rate(hit.value if hit else None, settings), within(hit, settings)),
        tile(
            "control_hit_rate", rate(control.value if control else None, settings), within(control, settings)
        ),
        tile("lift", lift_text, lift_note),
        tile("uplift", rate(effect.uplift, settings), within(effect.uplift_interval, settings)),
        tile(
            "incremental",
            amount(found.value if found else None, settings),
            "no control group" if no_control else "negative, shown as 0" if effect.floored else bounds,
        ),
        tile("incremental_per_head", amount(effect.incremental_per_head, settings)),
        tile("responder_sales", amount(effect.test.sales, settings)),
        tile("average_bill", amount(effect.average_bill, settings)),
        tile("sales_per_responder", amount(effect.sales_per_responder, settings)),
    ]


def goal_tiles(effect: Effect, settings: OrgSettings) -> list[Tile]:
    """Conversions, with the anchor that the rate is of (G-19)."""
    if effect.goal is None:
        return []
    found = effect.conversion_rate
    anchor = effect.goal.get_anchor_display().lower()
    as_of = formatting.instant(effect.computed_at, settings) if effect.computed_at else ""
    rows: list[tuple[str, str, str]] = [
        ("converted", formatting.number(effect.test.converted, settings), ""),
        ("conversions", formatting.number(effect.test.conversions, settings), ""),
        ("conversion_value", amount(effect.test.conversion_value, settings), ""),
        (
            "conversion_rate",
            rate(found.value if found else None, settings),
            f"of {anchor}{', ' if found else ''}{within(found, settings)}",
        ),
    ]
    return [
        Tile(key, value, note, f"{effect.goal.window_days} days from {anchor}", as_of)
        for key, value, note in rows
    ]
