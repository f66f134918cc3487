"""Clicks that only a machine makes: all links of a message followed within two seconds (H-24).

A burst shows with its last click, so the earlier ones are marked afterwards. What is marked follows from the set of
clicks alone; the settling that comes next takes back what they had counted for.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any, NamedTuple

from django.db import connection

from campaigns.dispatch.ledger import numbers, texts
from campaigns.models import Link, Run
from campaigns.receipts.facts import EARLIEST
from channels.machines import BURST, in_burst
from channels.tokens import HIDDEN_LINK, LedgerKey

_CLICKS = """
SELECT e.run_id, e.customer_id, e.seq, e.event_on, e.event_key, e.link, e.at, e.machine
FROM unnest(%(customer)s::bigint[], %(run)s::bigint[], %(seq)s::bigint[]) AS x(customer_id, run_id, seq)
CROSS JOIN LATERAL (
    SELECT * FROM campaigns_deliveryevent e
    WHERE e.org_id = %(org)s AND e.customer_id = x.customer_id AND e.run_id = x.run_id AND e.seq = x.seq
      AND e.kind = 'clicked' AND e.link < %(hidden)s AND e.event_on >= %(oldest)s::date - %(early)s
    OFFSET 0
) AS e
"""
_MARK = """
UPDATE campaigns_deliveryevent e SET machine = true
FROM unnest(%(customer)s::bigint[], %(event_on)s::date[], %(run)s::bigint[], %(seq)s::bigint[], %(event_key)s::text[])
     AS x(customer_id, event_on, run_id, seq, event_key)
WHERE e.org_id = %(org)s AND e.customer_id = x.customer_id AND e.event_on = x.event_on AND e.run_id = x.run_id
  AND e.seq = x.seq AND e.event_key = x.event_key
"""


class Click(NamedTuple):
    run_id: int
    customer_id: int
    seq: int
    event_on: object
    event_key: str
    link: int
    at: datetime
    machine: bool


def mark(org_id: int, keys: Iterable[LedgerKey]) -> None:
    """Mark the clicks of bursts among these deliveries. The caller holds the deliveries' locks."""
    keys = sorted(set(keys))
    if not keys:
        return
    by_delivery: dict[tuple[int, int], list[Click]] = defaultdict(list)
    for click in _clicks(org_id, keys):
        by_delivery[click.run_id, click.seq].append(click)
    several = {at: clicks for at, clicks in by_delivery.items() if len({click.link for click in clicks}) > 1}
    if not several:
        return
    links = _links_of(org_id, {run for run, _ in several})
    found = [
        click
        for (run, _), clicks in several.items()
        for click in burst(clicks, links.get(run, 0))
        if not click.machine
    ]
    if found:
        _write(org_id, found)


def burst(clicks: Sequence[Click], links: int) -> list[Click]:
    """The clicks that lie in some two seconds in which every one of `links` links was followed."""
    marked: set[Click] = set()
    for first in clicks:
        window = [click for click in clicks if first.at <= click.at <= first.at + BURST]
        if in_burst([(click.link, click.at) for click in window], links):
            marked.update(window)
    return [click for click in clicks if click in marked]


def _clicks(org_id: int, keys: Sequence[LedgerKey]) -> list[Click]:
    params: dict[str, Any] = {
        "org": org_id,
        "hidden": HIDDEN_LINK,
        "early": EARLIEST.days,
        "oldest": min(key.run_on for key in keys),
        "customer": numbers(key.customer for key in keys),
        "run": numbers(key.run for key in keys),
        "seq": numbers(key.seq for key in keys),
    }
    with connection.cursor() as cursor:
        cursor.execute(_CLICKS, params)
        return [Click(*row) for row in cursor.fetchall()]


def _links_of(org_id: int, runs: set[int]) -> dict[int, int]:
    """How many tracked links the message of each run has."""
    versions = dict(Run.objects.for_org(org_id).filter(pk__in=runs).values_list("pk", "version_id"))
    links = Link.objects.for_org(org_id).filter(version__in=set(versions.values()))
    counted = Counter(links.values_list("version_id", flat=True))
    return {run: counted[version] for run, version in versions.items()}


def _write(org_id: int, clicks: Sequence[Click]) -> None:
    params: dict[str, Any] = {
        "org": org_id,
        "customer": numbers(click.customer_id for click in clicks),
        "event_on": texts(str(click.event_on) for click in clicks),
        "run": numbers(click.run_id for click in clicks),
        "seq": numbers(click.seq for click in clicks),
        "event_key": texts(click.event_key for click in clicks),
    }
    with connection.cursor() as cursor:
        cursor.execute(_MARK, params)
