"""What an increment must look at again: people of campaigns whose deliveries changed, and where their bills lie.

Bills are kept by customer and month, as the tables are partitioned: the statements about a month read that month.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from typing import Final

from django.db import connection

from campaigns.models import Campaign
from conversions import statements
from conversions.models import CampaignCustomer, Span
from engage.orgs.models import OrgSettings

BEGINNING: Final = datetime(1970, 1, 1, tzinfo=UTC)
NEVER: Final = datetime(9999, 1, 1, tzinfo=UTC)

# The oldest transaction of others; those of this role are seen, and no other role writes rows.
_OPEN_SINCE = """
SELECT coalesce(min(xact_start), now()) FROM pg_stat_activity
WHERE datname = current_database() AND pid <> pg_backend_pid()
"""


@dataclass(frozen=True)
class Window:
    """Which changes a run looks at, by the server's clock: `since <= changed < until`.

    The next one looks from `next_since` on: what a transaction that is open now will have written stands after it.
    """

    since: datetime
    until: datetime
    next_since: datetime

    @classmethod
    def of(cls, since: datetime, until: datetime, settle: timedelta) -> Window:
        with connection.cursor() as cursor:
            cursor.execute(_OPEN_SINCE)
            open_since: datetime = cursor.fetchone()[0]
        return cls(since, until, min(until, open_since - settle))


@dataclass
class Month:
    """Bills of a month from `lo` to `hi`: a customer's are looked at from a time on, before it only changed ones."""

    lo: datetime
    hi: datetime
    otherwise: datetime = NEVER
    since: dict[int, datetime] = field(default_factory=dict)

    def since_of(self, customer: int) -> datetime:
        return self.since.get(customer, self.otherwise)


class Bills:
    """Where the bills to be looked at lie."""

    def __init__(self) -> None:
        self.months: dict[date, Month] = {}
        self.customers: set[int] = set()

    def add(self, customer: int, month: date, lo: datetime, hi: datetime, since: datetime = NEVER) -> None:
        there = self.months.setdefault(month, Month(lo, hi))
        there.lo, there.hi = min(there.lo, lo), max(there.hi, hi)
        there.since[customer] = min(since, there.since.get(customer, NEVER))
        self.customers.add(customer)

    def add_changed(self, org_id: int, window: Window) -> None:
        """Bills that changed, and places that they left."""
        with connection.cursor() as cursor:
            cursor.execute(
                statements.CHANGED_BILLS, {"org": org_id, "since": window.since, "until": window.until}
            )
            for place in cursor:
                self.add(*place)

    def add_since(self, org_id: int, since: Sequence[tuple[int, datetime]], before: datetime = NEVER) -> None:
        """Sales of (customer, time) from that time on."""
        if not since:
            return
        customers, sinces = zip(*since, strict=True)
        params = {
            "org": org_id, "customers": list(customers), "sinces": list(sinces), "earliest": min(sinces),
            "before": before,
        }  # fmt: skip
        with connection.cursor() as cursor:
            cursor.execute(statements.BILLS_SINCE, params)
            for place in cursor:
                self.add(*place)

    def add_moved(self, org_id: int, moves: Iterable[Move]) -> None:
        """Sales of a campaign's people within its old and new dates, which may answer it no more, or now (C-07)."""
        for move in moves:
            if move.former is None:
                continue
            people = CampaignCustomer.objects.for_org(org_id).filter(campaign_id=move.campaign_id)
            customers = people.order_by("customer_id").values_list("customer_id", flat=True)
            lo = min(move.starts_at, move.former.starts_at)
            hi = max(move.ends_at, move.former.ends_at)
            self.add_since(org_id, [(customer, lo) for customer in customers], before=hi)


def changed_pairs(org_id: int, window: Window) -> list[tuple[int, int]]:
    """(customer, campaign) of the deliveries whose anchors changed, in order."""
    with connection.cursor() as cursor:
        cursor.execute(
            statements.CHANGED_PAIRS, {"org": org_id, "since": window.since, "until": window.until}
        )
        pairs: list[tuple[int, int]] = cursor.fetchall()
    return pairs


@dataclass(frozen=True)
class Move:
    """A campaign's dates that responses were not derived with yet; `former` those they were, None: never."""

    campaign_id: int
    starts_at: datetime
    ends_at: datetime
    former: Span | None


# Campaigns that ran, where the dates in the responses are not what SQL reads as the campaign's; Python's reading, which
# pages show, decides. They differ where a zone's midnight comes twice.
_MAY_HAVE_MOVED = """
SELECT c.id FROM campaigns_campaign c
LEFT JOIN conversions_span s ON s.org_id = %(org)s AND s.campaign_id = c.id
WHERE c.org_id = %(org)s AND EXISTS (SELECT FROM campaigns_run r WHERE r.org_id = %(org)s AND r.campaign_id = c.id)
  AND (s.starts_at, s.ends_at) IS DISTINCT FROM
      (c.start_on::timestamp AT TIME ZONE %(zone)s, (c.end_on + 1)::timestamp AT TIME ZONE %(zone)s)
"""


def moved_campaigns(org_id: int) -> list[Move]:
    """Campaigns with runs whose dates, or the org's zone, changed since the last run, and new ones."""
    settings = OrgSettings.objects.for_org(org_id).get()
    with connection.cursor() as cursor:
        cursor.execute(_MAY_HAVE_MOVED, {"org": org_id, "zone": settings.time_zone})
        candidates = [row[0] for row in cursor.fetchall()]
    former = {
        span.campaign_id: span for span in Span.objects.for_org(org_id).filter(campaign_id__in=candidates)
    }
    moves = []
    for campaign in Campaign.objects.for_org(org_id).filter(pk__in=candidates).only("start_on", "end_on"):
        move = Move(
            campaign.pk,
            campaign.starts_at(settings.zone),
            campaign.ends_at(settings.zone),
            former.get(campaign.pk),
        )
        if move.former is None or (move.former.starts_at, move.former.ends_at) != (
            move.starts_at,
            move.ends_at,
        ):
            moves.append(move)
    return moves


def remember(org_id: int, moves: Iterable[Move]) -> None:
    """These dates are in the responses now."""
    Span.objects.bulk_create(
        (
            Span(org_id=org_id, campaign_id=m.campaign_id, starts_at=m.starts_at, ends_at=m.ends_at)
            for m in moves
        ),
        update_conflicts=True,
        unique_fields=["org", "campaign"],
        update_fields=["starts_at", "ends_at"],
    )
