"""The list of campaigns (C-50, C-51): tabs with counts, filters, order, pages. Its number of queries never grows."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import date
from typing import Any, Final

from django.db.models import (
    CharField,
    Count,
    DateField,
    DateTimeField,
    Exists,
    F,
    FloatField,
    OuterRef,
    Q,
    QuerySet,
    Subquery,
    Sum,
    TextChoices,
)
from django.db.models.functions import Coalesce, Lower, NullIf
from django.utils.translation import ngettext

from campaigns import needs, paging, wording
from campaigns.models import Campaign, Delivery, Message, Run, Tally
from campaigns.paging import Column, Page
from engage.orgs.access import Access
from engage.orgs.models import OrgSettings, User

SUGGESTED: Final = 8
NEWEST_FIRST: Final = "-updated"
COLUMNS: Final[dict[str, Column]] = {
    "name": Column(Lower("name"), CharField()),
    "start": Column(F("start_on"), DateField()),
    "end": Column(F("end_on"), DateField()),
    "creator": Column(Lower("created_by__name"), CharField()),
    "updated": Column(F("updated_at"), DateTimeField()),
}
# What is measured of a campaign, each as a column of one org's list; apps above add theirs with `@measure`.
Measure = Callable[[int], Column]
_MEASURES: dict[str, Measure] = {}
# Stands behind every number, where there is none.
NONE: Final = -1.0


def measure(name: str) -> Callable[[Measure], Measure]:
    """Register what the list can be sorted by under this name."""

    def register(column: Measure) -> Measure:
        _MEASURES[name] = column
        return column

    return register


@measure("delivery")
def delivery_rate(org_id: int) -> Column:
    """M-11 over the campaign's rows, from the tally of its runs."""
    runs = Run.objects.for_org(org_id).filter(campaign_id=OuterRef(OuterRef("pk")))
    sent = Tally.objects.for_org(org_id).filter(run_id__in=runs.values("pk"), state=Delivery.State.SENT)
    delivered = Sum("n", filter=Q(outcome=Delivery.Outcome.DELIVERED), default=0)
    reported = Sum("n", filter=~Q(outcome=Delivery.Outcome.NO_REPORT))
    share = sent.order_by().values("org_id").annotate(share=1.0 * delivered / NullIf(reported, 0))
    return Column(Coalesce(Subquery(share.values("share")), NONE), FloatField())


class Tab(TextChoices):
    ALL = "all", "All"
    LIVE = "live", "Live"
    UPCOMING = "upcoming", "Upcoming"
    LAPSED = "lapsed", "Lapsed"
    NEEDS_ME = "needs-me", "Needs me"
    ARCHIVED = "archived", "Archived"


@dataclass(frozen=True)
class State:
    """How many messages of a campaign are in a state."""

    n: int
    status: str

    @property
    def text(self) -> str:
        if self.status == Message.Status.DRAFT:
            return ngettext("%(n)d draft", "%(n)d drafts", self.n) % {"n": self.n}
        return f"{self.n} {Message.Status(self.status).label.lower()}"

    @property
    def look(self) -> wording.Look:
        return wording.LOOKS[self.status]


@dataclass(frozen=True)
class Row:
    """A campaign as the list shows it."""

    campaign: Campaign
    today: date
    states: list[State] = field(default_factory=list)
    channels: list[tuple[str, str]] = field(default_factory=list)

    @property
    def status(self) -> str:
        return "Archived" if self.campaign.archived_at else str(self.campaign.status(self.today).label)

    @property
    def look(self) -> wording.Look:
        if self.campaign.archived_at:
            return wording.ARCHIVED
        return wording.CAMPAIGN_LOOKS[self.campaign.status(self.today)]

    @property
    def note(self) -> str:
        return wording.campaign_note(self.campaign, self.today)

    @property
    def may_be_archived(self) -> bool:
        lapsed = self.campaign.status(self.today) == Campaign.Status.LAPSED
        return lapsed and not self.campaign.archived_at


def visible(access: Access) -> QuerySet[Campaign]:
    return Campaign.objects.for_org(access.org).visible_to(access)


def creators(access: Access) -> list[User]:
    """Who made the campaigns that this member sees, by name."""
    ids = visible(access).order_by().values("created_by")
    return sorted(User.objects.filter(pk__in=ids), key=str)


def matching(access: Access, wanted: Mapping[str, Any]) -> QuerySet[Campaign]:
    """The campaigns in scope that the filters leave, on all tabs together."""
    found = visible(access)
    for word in wanted.get("q", "").split()[:10]:
        found = found.filter(Q(name__icontains=word) | Q(description__icontains=word))
    if since := wanted.get("since"):
        found = found.filter(end_on__gte=since)
    if until := wanted.get("until"):
        found = found.filter(start_on__lte=until)
    if objective := wanted.get("objective"):
        found = found.filter(objective="" if objective == "none" else objective)
    if owner := wanted.get("owner"):
        found = found.filter(unit=None if owner == "org" else owner)
    if creator := wanted.get("creator"):
        found = found.filter(created_by=creator)
    if channel := wanted.get("channel"):
        messages = Message.objects.for_org(access.org).filter(campaign=OuterRef("pk"), channel=channel)
        found = found.filter(Exists(messages))
    return found


def _conditions(access: Access, settings: OrgSettings, today: date) -> dict[Tab, Q]:
    kept = Q(archived_at=None)
    needing = needs.of(access, settings, today=today).values("campaign_id")
    return {
        Tab.ALL: kept,
        Tab.LIVE: kept & Q(start_on__lte=today, end_on__gte=today),
        Tab.UPCOMING: kept & Q(start_on__gt=today),
        Tab.LAPSED: kept & Q(end_on__lt=today),
        Tab.NEEDS_ME: kept & Q(pk__in=needing),
        Tab.ARCHIVED: ~kept,
    }


@dataclass(frozen=True)
class Listing:
    """What the list shows. `of` is how many campaigns the tab holds, on all its pages."""

    rows: list[Row]
    page: Page[Campaign]
    counts: dict[Tab, int]
    tab: Tab
    sort: str
    suggestions: list[str]

    @property
    def of(self) -> int:
        return self.counts[self.tab]


def read(
    access: Access, settings: OrgSettings, *, wanted: Mapping[str, Any], asked: Mapping[str, str], today: date
) -> Listing:
    """`wanted` are the filters, read; `asked` the tab, order and place of the address, each with a default."""
    found = matching(access, wanted)
    conditions = _conditions(access, settings, today)
    counts = found.order_by().aggregate(**{tab.name: Count("pk", filter=q) for tab, q in conditions.items()})
    tab = Tab(asked["tab"]) if asked.get("tab") in Tab.values else Tab.ALL
    sort, column = asked.get("sort", ""), _column(asked.get("sort", ""), access.org.pk)
    if column is None:
        sort, column = NEWEST_FIRST, COLUMNS["updated"]
    chosen = found.filter(conditions[tab])
    page = paging.page(
        chosen.select_related("unit", "created_by"),
        column,
        descending=sort.startswith("-"),
        after=asked.get("after", ""),
        before=asked.get("before", ""),
    )
    names = chosen.order_by("-updated_at").values_list("name", flat=True)[:SUGGESTED]
    return Listing(
        rows=_rows(access, page.rows, today),
        page=page,
        counts={tab: counts[tab.name] for tab in Tab},
        tab=tab,
        sort=sort,
        suggestions=list(dict.fromkeys(names)),
    )


def _column(sort: str, org_id: int) -> Column | None:
    name = sort.removeprefix("-")
    return _MEASURES[name](org_id) if name in _MEASURES else COLUMNS.get(name)


def _rows(access: Access, campaigns: list[Campaign], today: date) -> list[Row]:
    rows = {campaign.pk: Row(campaign, today) for campaign in campaigns}
    messages = Message.objects.for_org(access.org).filter(campaign_id__in=list(rows))
    grouped = messages.order_by().values("campaign_id", "status", "channel").annotate(n=Count("pk"))
    counts: dict[int, dict[str, int]] = {pk: {} for pk in rows}
    for group in grouped:
        states, row = counts[group["campaign_id"]], rows[group["campaign_id"]]
        states[group["status"]] = states.get(group["status"], 0) + group["n"]
        if (channel := wording.CHANNELS[group["channel"]]) not in row.channels:
            row.channels.append(channel)
    for pk, states in counts.items():
        ordered = (status for status in wording.URGENT_FIRST if status in states)
        rows[pk].states.extend(State(states[status], status) for status in ordered)
        rows[pk].channels.sort()
    return list(rows.values())
