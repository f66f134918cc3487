"""Numbers as tiles: a value in the org's writing, its definition, and what stands beside it."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal

from campaigns import wording
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
    """One number. `value` is ready to show, a dash where it does not apply (M-04); `group` names its customers."""

    key: str
    value: str
    note: str = ""
    period: str = ""
    as_of: str = ""
    group: str = ""

    @property
    def label(self) -> str:
        return DEFINITIONS[self.key].label

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


def incremental(effect: Effect, style: Style) -> str:
    found = effect.incremental
    return amount(found.value if found else None, style)


def strip_tiles(figures: StripFigures, settings: OrgSettings, *, simulated: bool = False) -> list[Tile]:
    """The org strip (M-26). `simulated`: some of its control groups were made up by the demo."""
    doubts = [f"{figures.without_value} campaign(s) without"] if figures.without_value else []
    doubts += ["simulated control groups"] if simulated else []
    as_of = formatting.instant(figures.computed_at, settings)
    period = f"{formatting.day(figures.since, settings)} to now, {settings.time_zone}"
    share = strip.delivery_rate(figures)
    word, _ = wording.band(share / 100 if share is not None else None)
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
            " · ".join(doubts),
        ),
        tile("converted", formatting.compact(figures.converted, settings)),
        tile("credits", DASH, "credits are not switched on"),
    ]


def summary_tiles(effect: Effect, counts: Progress, unsubscribed: int, settings: OrgSettings) -> list[Tile]:
    """What a campaign's summary begins with (M-25)."""
    as_of = formatting.instant(effect.computed_at, settings) if effect.computed_at else ""
    share = counts.delivery_share
    whole_life = "Whole life of the campaign"

    def tile(key: str, value: int, note: str = "", group: str = "") -> Tile:
        return Tile(key, formatting.number(value, settings), note, whole_life, as_of, group)

    return [
        tile("contacted", effect.test.contacted, group="contacted"),
        tile("sent", counts.sent),
        tile(
            "delivered",
            counts.delivered,
            f"{rate(share, settings)} {wording.band(share)[0]}",
            group="delivered",
        ),
        tile("not_delivered", counts.not_delivered, group="not_delivered"),
        tile("unsubscribed", unsubscribed, group="unsubscribed"),
    ]


def effect_tiles(effect: Effect, settings: OrgSettings) -> list[Tile]:
    """Test against control (M-17 to M-22)."""
    as_of = formatting.instant(effect.computed_at, settings) if effect.computed_at else ""
    hit, control, lift = effect.hit_rate, effect.control_hit_rate, effect.lift
    # Before the first refresh nobody is in either group, which says nothing of the control group.
    found, no_control = effect.incremental, effect.arms.tc > 0 and not effect.arms.cc

    def tile(key: str, value: str, note: str = "", group: str = "") -> Tile:
        return Tile(key, value, note, "Campaign's dates", as_of, group)

    bounds = ""
    if found is not None and effect.incremental_has_interval:
        bounds = f"{amount(found.low, settings)} to {amount(found.high, settings)}"
    lift_text = formatting.points(None if lift is None else 100 * lift.value, settings)
    lift_note = ""
    if lift is not None:
        low, high = (formatting.number(100 * bound, settings, places=2) for bound in (lift.low, lift.high))
        lift_note = f"{low} to {high}"
    return [
        tile("hit_rate", rate(hit.value if hit else None, settings), within(hit, settings), "responders"),
        tile(
            "control_hit_rate",
            rate(control.value if control else None, settings),
            within(control, settings),
            "control_responders",
        ),
        tile("lift", lift_text, lift_note),
        tile("uplift", rate(effect.uplift, settings), within(effect.uplift_interval, settings)),
        tile(
            "incremental",
            incremental(effect, settings),
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
        Tile(key, value, note, f"{effect.goal.window_days} days from {anchor}", as_of, "converted")
        for key, value, note in rows
    ]
