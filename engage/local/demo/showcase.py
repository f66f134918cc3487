"""What waits for the person who walks through the console: a draft, a request, a rejection, a message that will go out.

Nothing of this is in the past, so nothing is shifted: what goes out from here goes out by the clock on the wall.
"""

from __future__ import annotations

from datetime import datetime, time, timedelta
from typing import Any, Final

from campaigns import frame, lifecycle
from campaigns.models import Campaign, Message, Objective
from engage.local.demo import content, lists, tenants, writing
from engage.local.demo.content import NORTHLINE, VERDE
from engage.local.demo.tenants import Tenant
from engage.orgs.tenancy import org_context

DAY: Final = timedelta(days=1)
ICE_CREAM: Final = "grocery>ice cream/milk/sherbet"
REASON: Final = (
    "The subject promises half price, but the coupons take off a dollar. Please say what they really give, and "
    "name the last day."
)


def condition(field: str, op: str, value: Any, **more: Any) -> dict[str, Any]:
    return {"field": field, "op": op, "value": value, **more}


def last_days(days: int) -> dict[str, Any]:
    return {"op": "last", "value": {"n": days, "unit": "day"}}


def block(*conditions: dict[str, Any]) -> list[dict[str, Any]]:
    return [{"match": "all", "items": list(conditions)}]


def northline(tenant: Tenant) -> None:
    with org_context(tenant.org.pk):
        tenants.slow_down(tenant)
        if not _is_new(tenant, "Ice cream week"):
            return
        at = tenant.at
        bought = {"category": {"op": "any_of", "value": [ICE_CREAM]}}
        lovers = lists.filtered(
            tenant, "Ice cream, three times in 90 days",
            block(condition("transactions", "gte", 3, where=bought, when=last_days(90))), at - 5 * DAY,
        )  # fmt: skip
        quiet = lists.filtered(
            tenant, "Quiet for 60 days", block(condition("last_days", "gte", 60)), at - 5 * DAY
        )
        best = lists.filtered(
            tenant, "$1,000 in half a year",
            block(condition("amount", "gte", 100_000, when=last_days(182))), at - 5 * DAY,
        )  # fmt: skip
        _ice_cream_week(tenant, lovers, at)
        _we_miss_you(tenant, quiet, at)
        _holiday_table(tenant, best, at)


def _ice_cream_week(tenant: Tenant, audience: Any, at: datetime) -> None:
    """Live, with a message that was rejected and one that is only begun."""
    campaign = _campaign(
        tenant, "Ice cream week", at - 3 * DAY, starts=0, days=21, objective=Objective.PRODUCTS,
        objective_values={"categories": [ICE_CREAM]},
        description="Coupons for ice cream, milk ice and sherbet, for those who buy it often.",
    )  # fmt: skip
    loud = content.mail(
        NORTHLINE, subject="Half price on ice cream!", preview="Only this week", headline="Ice cream week",
        text="Your freezer has room for one more tub. Here are this week's coupons.",
        offers=["Ice cream: $1 off each tub", "Sherbet: two for $5"], path="ice-cream",
        closing="Your store is {{ store.home }}.",
    )  # fmt: skip
    message = writing.write(
        tenant, campaign, title="Announcement", sender="Northline News", audience=audience, content=loud,
        at=at - 2 * DAY,
    )  # fmt: skip
    message = writing.submit(tenant, message, at=at - timedelta(hours=30))
    lifecycle.reject(message, by=tenant.approver, reason=REASON, at=at - timedelta(hours=26))
    reminder = content.text(NORTHLINE, "ice cream week ends on Sunday. Your coupons:", path="i")
    writing.write(
        tenant, campaign, title="Text reminder", sender="Northline texts", channel="sms", audience=audience,
        content=reminder, at=at - timedelta(hours=3),
    )  # fmt: skip


def _we_miss_you(tenant: Tenant, audience: Any, at: datetime) -> None:
    """Live, with a message that waits for approval: approving it sends it."""
    campaign = _campaign(
        tenant, "We miss you", at - DAY, starts=0, days=28, objective=Objective.WIN_BACK,
        description="For customers who have not been in a store for two months.",
    )  # fmt: skip
    mail = content.mail(
        NORTHLINE, subject='{{ customer.first_name | default: "Hello" }}, we kept your place',
        preview="$5 off your next visit", headline="It has been a while",
        text="We have not seen you for two months. Come by, and the first five dollars are on us.",
        offers=["$5 off a bill of $25 or more", "A free coffee at the counter"], path="welcome-back",
        closing='Your store is {{ store.home | default: "the one next door" }}.',
    )  # fmt: skip
    message = writing.write(
        tenant, campaign, title="Come back", sender="Northline News", audience=audience, content=mail,
        at=at - timedelta(hours=2),
    )  # fmt: skip
    writing.submit(tenant, message, at=at - timedelta(hours=1))


def _holiday_table(tenant: Tenant, audience: Any, at: datetime) -> None:
    """Upcoming, approved: the scheduler sends it when its day has come."""
    campaign = _campaign(
        tenant, "A table for everyone", at - DAY, starts=4, days=20, objective=Objective.RETENTION,
        description="An early look at the festive assortment, for our best customers.",
    )  # fmt: skip
    mail = content.mail(
        NORTHLINE, subject="First look: a table for everyone", preview="For our best customers",
        headline="A table for everyone", text="You are among our best customers, so you see it first.",
        offers=["Cheese boards, made to order", "Pies from our own bakery", "Juice for the small ones"],
        path="table", closing="Orders are taken until {{ campaign.end }}.",
    )  # fmt: skip
    message = writing.write(
        tenant, campaign, title="First look", sender="Northline News", audience=audience, content=mail,
        at=at - timedelta(hours=20), mode=Message.Mode.DATED, send_on=campaign.start_on, send_time=time(10),
    )  # fmt: skip
    message = writing.submit(tenant, message, at=at - timedelta(hours=18))
    writing.approve(tenant, message, at=at - timedelta(hours=16))


def verde(tenant: Tenant) -> None:
    with org_context(tenant.org.pk):
        tenants.slow_down(tenant)
        if not _is_new(tenant, "Nueva colección"):
            return
        at = tenant.at
        everyone = lists.filtered(
            tenant,
            "Compraron este año",
            block(condition("transactions", "gte", 1, when=last_days(365))),
            at - DAY,
        )
        campaign = _campaign(
            tenant, "Nueva colección", at - DAY, starts=0, days=30, objective=Objective.PRODUCTS,
            objective_values={"categories": ["mujer>vestidos"]}, description="En todas las tiendas.",
        )  # fmt: skip
        mail = content.mail(
            VERDE, subject="Ya está aquí la nueva colección", preview="Lino, algodón y color",
            headline="La nueva colección", text="Acaba de llegar a todas nuestras tiendas.",
            offers=["Vestidos de lino", "Camisas de algodón", "Bolsos de piel"], path="nueva",
            closing='Tu tienda: {{ store.home | default: "la más cercana" }}.',
        )  # fmt: skip
        message = writing.write(
            tenant, campaign, title="Anuncio", sender="Verde Moda", audience=everyone, content=mail,
            at=at - timedelta(hours=5),
        )  # fmt: skip
        writing.submit(tenant, message, at=at - timedelta(hours=4))


def _is_new(tenant: Tenant, name: str) -> bool:
    return not Campaign.objects.for_org(tenant.org).filter(name=name).exists()


def _campaign(tenant: Tenant, name: str, at: datetime, *, starts: int, days: int, **fields: Any) -> Campaign:
    """Made at `at`, starting some days after."""
    start_on = tenant.settings.today(at) + starts * DAY
    return frame.create(
        tenant.settings, access=tenant.access(tenant.writer), unit=None, at=at, name=name, start_on=start_on,
        end_on=start_on + days * DAY, **fields,
    )  # fmt: skip
