"""What customers say about being written to, and what their addresses turn out to be (A-07 to A-11).

Every function acts at once: the gates of a send read these rows when a window is claimed (Q-14).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any, Final, NamedTuple

from django.db import connection, transaction

from audiences.contacts import Malformed, normal
from audiences.models import ContactPoint, Customer
from engage.orgs import audit
from engage.orgs.models import Org, User
from engage.orgs.tenancy import org_pk

State = ContactPoint.State


class Fact(NamedTuple):
    """A customer's yes, no or unset (None) on a channel and class.

    `dated` False: the source gives no date and `at` is when it was read. Such a fact never lifts a no: the file may be
    older than the opt-out (Q-17).
    """

    customer_id: int
    channel: str
    message_class: str
    value: bool | None
    at: datetime
    source: str
    dated: bool = True


# The newest dated fact wins; of two with one date the no. History keeps every fact once.
_TAKE = """
WITH fact AS (
    SELECT f.*, CASE WHEN f.value THEN 'yes' WHEN NOT f.value THEN 'no' ELSE 'unset' END AS said
    FROM unnest(%(customers)s::bigint[], %(channels)s::text[], %(classes)s::text[], %(values)s::boolean[],
                %(times)s::timestamptz[], %(sources)s::text[], %(dated)s::boolean[])
         AS f (customer_id, channel, message_class, value, at, source, dated)
), news AS (
    SELECT DISTINCT fact.*
    FROM fact
    LEFT JOIN audiences_subscription held
           ON held.org_id = %(org)s AND held.customer_id = fact.customer_id
          AND held.channel = fact.channel AND held.message_class = fact.message_class
    WHERE CASE WHEN fact.dated THEN NOT EXISTS (
                   SELECT FROM audiences_consent kept
                   WHERE kept.org_id = %(org)s AND kept.customer_id = fact.customer_id
                     AND kept.channel = fact.channel AND kept.message_class = fact.message_class
                     AND kept.at = fact.at AND kept.source = fact.source AND kept.value = fact.said)
               ELSE held.value IS DISTINCT FROM fact.value AND held.value IS NOT FALSE END
), kept AS (
    INSERT INTO audiences_consent (org_id, customer_id, channel, message_class, at, source, value, received_at)
    SELECT %(org)s, customer_id, channel, message_class, at, source, said, %(received_at)s FROM news
    ON CONFLICT DO NOTHING
), newest AS (
    SELECT DISTINCT ON (customer_id, channel, message_class) * FROM news
    ORDER BY customer_id, channel, message_class, at DESC, value IS FALSE DESC, source
), current AS (
    INSERT INTO audiences_subscription AS held (org_id, customer_id, channel, message_class, value, at, source)
    SELECT %(org)s, customer_id, channel, message_class, value, at, source FROM newest
    ON CONFLICT (org_id, customer_id, channel, message_class)
    DO UPDATE SET value = excluded.value, at = excluded.at, source = excluded.source
    WHERE excluded.at > held.at OR (excluded.at = held.at AND excluded.value IS FALSE)
)
SELECT DISTINCT customer_id FROM news
"""

# A no binds the customer's own address for everybody who has it.
_BIND = """
INSERT INTO audiences_addressoptout AS bound (org_id, channel, message_class, key, at, source)
SELECT %(org)s, said.channel, said.message_class, contact.key, max(said.at), min(said.source)
FROM audiences_subscription said
JOIN audiences_contactpoint contact
  ON contact.org_id = %(org)s AND contact.customer_id = said.customer_id AND contact.is_primary
 AND contact.kind = CASE said.channel WHEN 'email' THEN 'email' ELSE 'phone' END
WHERE said.org_id = %(org)s AND said.customer_id = ANY(%(customers)s) AND said.value IS FALSE
GROUP BY said.channel, said.message_class, contact.key
ON CONFLICT (org_id, channel, message_class, key) DO UPDATE SET at = excluded.at, source = excluded.source
WHERE excluded.at > bound.at
"""


@transaction.atomic
def take_facts(org: Org | int, facts: Sequence[Fact], *, received_at: datetime) -> set[int]:
    """Keep facts that are new and let the newest decide. Safe to repeat. Returns the customers with news."""
    if not facts:
        return set()
    columns = list(zip(*facts, strict=True))
    names = ("customers", "channels", "classes", "values", "times", "sources", "dated")
    parameters: dict[str, Any] = {name: list(column) for name, column in zip(names, columns, strict=True)}
    with connection.cursor() as cursor:
        cursor.execute(_TAKE, {**parameters, "org": org_pk(org), "received_at": received_at})
        return {row[0] for row in cursor.fetchall()}


def bind_addresses(org: Org | int, customer_ids: Iterable[int]) -> None:
    """Opt the addresses of those who said no out for everybody (A-08), also when the address came after the no."""
    with connection.cursor() as cursor:
        cursor.execute(_BIND, {"org": org_pk(org), "customers": list(customer_ids)})


@transaction.atomic
def record(
    org: Org | int,
    customer_id: int,
    channel: str,
    message_class: str,
    value: bool | None,  # noqa: FBT001 - yes, no, unset again
    at: datetime,
    source: str,
) -> None:
    """One customer said something, through any door. Takes effect on everything not yet claimed (A-11)."""
    take_facts(org, [Fact(customer_id, channel, message_class, value, at, source)], received_at=at)
    bind_addresses(org, [customer_id])


_OPT_OUT = """
INSERT INTO audiences_addressoptout AS bound (org_id, channel, message_class, key, at, source)
VALUES (%(org)s, %(channel)s, %(message_class)s, %(key)s, %(at)s, %(source)s)
ON CONFLICT (org_id, channel, message_class, key) DO UPDATE SET at = excluded.at, source = excluded.source
WHERE excluded.at > bound.at
"""


@transaction.atomic
def opt_out_address(
    org: Org | int,
    *,
    channel: str,
    message_class: str,
    key: int,
    at: datetime,
    source: str,
    customer_id: int | None = None,
) -> None:
    """Whoever reads this address wants no more of this class: every customer who has it is opted out (A-08).

    `key` is that of the contact point the message went to, which the customer may have changed since. Safe to repeat.
    """
    facts: dict[str, Any] = {
        "org": org_pk(org),
        "channel": channel,
        "message_class": message_class,
        "key": key,
    }
    with connection.cursor() as cursor:
        cursor.execute(_OPT_OUT, {**facts, "at": at, "source": source})
    if customer_id is not None:
        record(org, customer_id, channel, message_class, value=False, at=at, source=source)


# What only staff or the customer can lift.
BROKEN: Final = frozenset({State.INVALID, State.HARD_BOUNCED})


class ContactEvent(StrEnum):
    """What a final report says of an address."""

    DELIVERED = "delivered"
    SOFT_BOUNCED = "soft_bounced"
    HARD_BOUNCED = "hard_bounced"
    INVALID = "invalid"
    WROTE = "wrote"  # the customer wrote from it


# this many temporary failures in a row, over this long, count as a permanent one.
SOFT_LIMIT: Final = 5
SOFT_SPAN: Final = timedelta(days=7)


class Report(NamedTuple):
    """A final report about the address with this key of this customer."""

    customer_id: int
    kind: str
    key: int
    event: str
    at: datetime


@dataclass(frozen=True, slots=True)
class Health:
    """What is known of one address."""

    state: str
    soft_bounces: int
    soft_bounced_since: datetime | None
    state_at: datetime


def after(health: Health, event: str, at: datetime) -> Health:
    """The health of an address after a report. A report older than what is known changes nothing.

    Hard bounced and invalid stay until staff clear them or the customer writes (A-11).
    """
    if at < health.state_at:
        return health
    if event == ContactEvent.WROTE:
        return Health(State.VALID, 0, None, at)
    if health.state in BROKEN:
        return health
    if event == ContactEvent.DELIVERED:
        return Health(State.VALID, 0, None, at)
    if event == ContactEvent.SOFT_BOUNCED:
        count, since = health.soft_bounces + 1, health.soft_bounced_since or at
        lasting = count >= SOFT_LIMIT and at - since >= SOFT_SPAN
        state = State.HARD_BOUNCED if lasting else State.SOFT_BOUNCED
        return Health(state, min(count, 30_000), since, at)
    state = State.INVALID if event == ContactEvent.INVALID else State.HARD_BOUNCED
    return replace(health, state=state, state_at=at)


_LOCK_CONTACTS = """
SELECT contact.customer_id, contact.kind, contact.key, contact.state, contact.soft_bounces,
       contact.soft_bounced_since, contact.state_at
FROM audiences_contactpoint contact
WHERE contact.org_id = %(org)s AND (contact.customer_id, contact.kind, contact.key) IN (
    SELECT * FROM unnest(%(customers)s::bigint[], %(kinds)s::text[], %(keys)s::bigint[]))
ORDER BY contact.customer_id, contact.kind, contact.key FOR UPDATE OF contact
"""
_SETTLE_CONTACTS = """
UPDATE audiences_contactpoint contact
SET state = now.state, soft_bounces = now.soft_bounces, soft_bounced_since = now.since, state_at = now.state_at
FROM unnest(%(customers)s::bigint[], %(kinds)s::text[], %(keys)s::bigint[], %(states)s::text[],
            %(counts)s::smallint[], %(since)s::timestamptz[], %(times)s::timestamptz[])
     AS now (customer_id, kind, key, state, soft_bounces, since, state_at)
WHERE contact.org_id = %(org)s AND contact.customer_id = now.customer_id AND contact.kind = now.kind
  AND contact.key = now.key
"""


@transaction.atomic
def settle_contacts(org: Org | int, reports: Iterable[Report]) -> int:
    """Learn from final reports, in the order of their times; the caller has dropped repetitions.

    Addresses the customer no longer has are passed over. Returns how many addresses changed.
    """
    by_address: dict[tuple[int, str, int], list[Report]] = {}
    for report in sorted(reports, key=lambda report: report.at):
        by_address.setdefault((report.customer_id, report.kind, report.key), []).append(report)
    if not by_address:
        return 0
    customers, kinds, keys = (list(column) for column in zip(*by_address, strict=True))
    changed: list[tuple[Any, ...]] = []
    with connection.cursor() as cursor:
        cursor.execute(
            _LOCK_CONTACTS, {"org": org_pk(org), "customers": customers, "kinds": kinds, "keys": keys}
        )
        for customer_id, kind, key, *known in cursor.fetchall():
            before = health = Health(*known)
            for report in by_address[customer_id, kind, key]:
                health = after(health, report.event, report.at)
            if health != before:
                changed.append(
                    (customer_id, kind, key, health.state, health.soft_bounces, health.soft_bounced_since,
                     health.state_at)
                )  # fmt: skip
        if changed:
            names = ("customers", "kinds", "keys", "states", "counts", "since", "times")
            columns = (list(column) for column in zip(*changed, strict=True))
            cursor.execute(_SETTLE_CONTACTS, {"org": org_pk(org), **dict(zip(names, columns, strict=True))})
    return len(changed)


def settle_contact(org: Org | int, customer_id: int, kind: str, key: int, event: str, at: datetime) -> None:
    """`settle_contacts` for one report."""
    settle_contacts(org, [Report(customer_id, kind, key, event, at)])


class ClearRefused(Exception):
    """The address cannot be cleared; the text is fit for the user."""


@transaction.atomic
def clear_contact(
    org: Org | int, customer_id: int, kind: str, value: str, *, reason: str, by: User | None, at: datetime
) -> ContactPoint:
    """Staff declare an invalid or hard bounced address usable again (A-11): it is unproven from now on."""
    contact = (
        ContactPoint.objects.for_org(org)
        .filter(customer_id=customer_id, kind=kind, value=value)
        .select_for_update()
        .first()
    )
    if contact is None:
        raise ClearRefused("The customer has no such address.")
    if contact.state not in BROKEN:
        raise ClearRefused("The address is neither invalid nor hard bounced.")
    if not reason.strip():
        raise ClearRefused("Say why the address works again.")
    try:
        normal(kind, value, "")
    except Malformed:
        raise ClearRefused("The address is malformed. Correct it instead.") from None
    former = contact.state
    ContactPoint.objects.for_org(org).filter(customer_id=customer_id, kind=kind, value=value).update(
        state=State.UNPROVEN, soft_bounces=0, soft_bounced_since=None, state_at=at
    )
    # The customer is named, not the address: the trail copies no personal data (T-32).
    audit.record(
        org,
        "contact.cleared",
        by=by,
        at=at,
        target=Customer.objects.for_org(org).get(id=customer_id),
        before={"kind": kind, "state": former},
        after={"kind": kind, "state": State.UNPROVEN.value},
        reason=reason,
    )
    contact.state = State.UNPROVEN
    return contact
