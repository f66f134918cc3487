"""The org's KPI strip (M-26): computed for the scopes that members have, every few minutes, and read by pages.

The pass reads the period's ledger rows and responses once a scope and period; a page reads one row.
"""

from __future__ import annotations

from calendar import monthrange
from collections.abc import Iterable
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Final

from django.db import connection

from campaigns.models import Campaign, Run
from conversions.models import Progress
from engage.orgs.access import Access
from engage.orgs.models import Member, Org, OrgSettings
from engage.orgs.models.people import Scope
from engage.orgs.tenancy import org_context, org_pk
from reporting import statistics
from reporting.models import Period, StripFigures
from reporting.statistics import Arms

STRIP: Final = (Path(__file__).parent / "sql" / "strip.sql").read_text(encoding="utf-8")
WHOLE_ORG: Final = "org"
# A run goes on for days under a throttle: its rows may be accepted long after its day.
LONGEST_RUN: Final = timedelta(days=31)


def begins(period: Period | str, at: datetime, settings: OrgSettings) -> datetime:
    """The first instant of a period: 00:00 of its first day in Org time (M-05)."""
    today = settings.today(at)
    months = {Period.MONTH: 1, Period.QUARTER: 3, Period.HALF: 6}.get(Period(period))
    first = today - timedelta(days=6) if months is None else _months_before(today, months)
    return datetime.combine(first, time.min, settings.zone)


def _months_before(day: date, months: int) -> date:
    """The same day number that many months ago; in a short month its last day."""
    year, month = divmod(day.year * 12 + day.month - 1 - months, 12)
    return date(year, month + 1, min(day.day, monthrange(year, month + 1)[1]))


def scope_key(access: Access) -> str:
    return WHOLE_ORG if access.whole_org else ",".join(str(pk) for pk in sorted(access.unit_ids))


def scopes_in_use(org: Org | int) -> list[str]:
    """The whole org, and each different set of units that a member has."""
    found = {WHOLE_ORG}
    limited = Member.objects.for_org(org).filter(status=Member.Status.ACTIVE).exclude(scope=Scope.ORG)
    for member in limited.prefetch_related("units"):
        found.add(",".join(str(pk) for pk in sorted(unit.unit_id for unit in member.units.all())))
    return sorted(found)


def renew(org_id: int, *, at: datetime) -> int:
    """Compute every scope and period anew; returns how many rows were written. One transaction each. Repeatable."""
    with org_context(org_id):
        scopes = scopes_in_use(org_id)
    for scope in scopes:
        for period in Period:
            with org_context(org_id):
                compute(org_id, scope, period, at=at)
    with org_context(org_id):
        StripFigures.objects.for_org(org_id).exclude(scope__in=scopes).delete()
    return len(scopes) * len(Period)


def compute(org: Org | int, scope: str, period: Period | str, *, at: datetime) -> StripFigures:
    """One scope and period, stored and returned. Call inside the org's context."""
    org_id = org_pk(org)
    settings = OrgSettings.objects.for_org(org).get()
    since = begins(period, at, settings)
    campaigns = _campaigns(org_id, scope)
    with connection.cursor() as cursor:
        cursor.execute(
            STRIP,
            {
                "org": org_id,
                "campaigns": campaigns,
                "since": since,
                "until": at,
                "oldest": (since - LONGEST_RUN).date(),
                "newest": at.date() + timedelta(days=1),
            },
        )
        *each, total = sorted(cursor.fetchall(), key=lambda row: row[0] is None)
    values = [_incremental(row, settings) for row in each]
    known = [value for value in values if value is not None]
    progress = Progress.objects.for_org(org).first()
    figures, _ = StripFigures.objects.for_org(org).update_or_create(
        org_id=org_id,
        scope=scope,
        period=Period(period),
        defaults={
            "since": since,
            "until": at,
            "contacted": total[1],
            "responders": total[2],
            "responder_sales": total[3],
            "converted": total[4],
            "sent": total[6],
            "delivered": total[7],
            "no_report": total[8],
            "incremental": round(sum(known)) if known else None,
            "without_value": len(values) - len(known),
            "computed_at": at,
            "transactions_up_to": progress.transactions_up_to if progress else None,
        },
    )
    return figures


def _campaigns(org_id: int, scope: str) -> list[int]:
    campaigns = Campaign.objects.for_org(org_id)
    if scope != WHOLE_ORG:
        campaigns = campaigns.filter(unit_id__in=[int(pk) for pk in scope.split(",") if pk])
    return list(campaigns.values_list("pk", flat=True))


def _incremental(row: Iterable[int], settings: OrgSettings) -> float | None:
    _, tc, tr, ts, cc, cr, *_ = row
    found = statistics.incremental(Arms(tc, tr, int(ts), 0, cc, cr, 0))
    if found is None:
        return None
    return max(found.value, 0.0) if settings.incremental_floor else found.value


def read(access: Access, period: Period | str, *, at: datetime) -> StripFigures:
    """The stored row; computed on the spot the first time a scope or period is looked at."""
    scope = scope_key(access)
    stored = StripFigures.objects.for_org(access.org).filter(scope=scope, period=Period(period)).first()
    return stored or compute(access.org, scope, period, at=at)


def has_simulated(access: Access, figures: StripFigures) -> bool:
    """Whether the period holds runs of the demo's loader, whose control groups were made up (decisions 27)."""
    mine = Campaign.objects.for_org(access.org).visible_to(access)
    runs = Run.objects.for_org(access.org).filter(simulated=True, run_on__gte=figures.since.date())
    return runs.filter(campaign_id__in=mine.values("pk")).exists()


def delivery_rate(figures: StripFigures) -> Decimal | None:
    """M-11: of what can be told."""
    told = figures.sent - figures.no_report
    return Decimal(100 * figures.delivered) / told if told else None


def hit_rate(figures: StripFigures) -> Decimal | None:
    return Decimal(100 * figures.responders) / figures.contacted if figures.contacted else None
