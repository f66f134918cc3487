"""Judging a window's rows: who may be handed over, and what becomes of the others at their turn."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from django.db import connection

from audiences.reachability import REASON
from campaigns import gates
from campaigns.dispatch.feed import Row
from campaigns.dispatch.ledger import Entry, State, numbers
from campaigns.dispatch.prepared import Statement
from campaigns.dispatch.standing import Standing
from campaigns.dispatch.work import Work
from campaigns.models import Delivery
from campaigns.statements import statement

_TYPES: Final = {
    "org": "bigint", "run": "bigint", "run_on": "date", "contact_kind": "text", "channel": "text",
    "message_class": "text", "unset": "text", "dnd_applies": "boolean",
}  # fmt: skip
# Only do-not-disturb needs the customer's own row, and it binds few channels.
_CUSTOMER: Final = {
    True: "LEFT JOIN LATERAL (SELECT c.* FROM audiences_customer c WHERE c.org_id = %(org)s AND c.id = r.customer_id "
    "LIMIT 1) AS customer ON true",
    False: "CROSS JOIN (SELECT false AS do_not_disturb) AS customer",
}


def _statement(rows: str, *, dnd: bool, **types: str) -> Statement:
    text = statement("window").format(reason=REASON, rows=rows, customer=_CUSTOMER[dnd])
    return Statement(text, **types, **_TYPES)


_BY_RANGE: Final = {
    dnd: _statement("r.seq BETWEEN %(low)s AND %(high)s", dnd=dnd, low="bigint", high="bigint")
    for dnd in (True, False)
}
_BY_SEQ: Final = {dnd: _statement("r.seq = ANY(%(seq)s)", dnd=dnd, seq="bigint[]") for dnd in (True, False)}

_SHORT_LINKS = """
INSERT INTO campaigns_shortlink (code, org_id, customer_id, run_on, run_id, seq, purpose)
SELECT code, %(org)s, customer_id, %(run_on)s, %(run)s, seq, purpose
FROM unnest(%(code)s::bigint[], %(customer)s::bigint[], %(seq)s::bigint[], %(purpose)s::smallint[])
     AS x(code, customer_id, seq, purpose)
ON CONFLICT (code) DO NOTHING
"""


def judge_range(
    work: Work, standing: Standing, *, chunk: int, low: int, high: int
) -> tuple[list[Row], list[Entry]]:
    """The rows of a stretch of a chunk that may go, and the ledger entries of those that stop here."""
    return _judge(work, standing, _BY_RANGE, {"low": low, "high": high}, chunk, {})


def judge_retries(
    work: Work, standing: Standing, attempts: Mapping[int, int]
) -> tuple[list[Row], list[Entry]]:
    """The same for rows of `retry`, given the tries that each has behind it."""
    return _judge(work, standing, _BY_SEQ, {"seq": numbers(attempts)}, None, attempts)


def _judge(
    work: Work,
    standing: Standing,
    by: Mapping[bool, Statement],
    which: dict[str, Any],
    chunk: int | None,
    attempts: Mapping[int, int],
) -> tuple[list[Row], list[Entry]]:
    params = gates.parameters(work.body, standing.settings)
    with connection.cursor() as cursor:
        by[params["dnd_applies"]].run(
            cursor, {**params, "run": work.key.run, "run_on": work.key.run_on, **which}
        )
        found = cursor.fetchall()
    rows: list[Row] = []
    stopped: list[Entry] = []
    for seq, customer_id, variant, arm, address, values, reason, problem in found:
        attempt = attempts.get(seq, 0)
        stop = reason or problem
        if not stop and work.content.judge_each and work.content.problem(values):
            stop = "content_error"
        if stop:
            stopped.append(Entry(seq, State.SKIPPED, stop, standing.ms, attempt))
        elif arm == Delivery.Arm.CONTROL and not work.body.send_to_control:
            stopped.append(Entry(seq, State.HELD_OUT, "", standing.ms, attempt))
        else:
            rows.append(Row(seq, customer_id, variant, address, values, chunk, attempt))
    return rows, stopped


def store_short_links(work: Work, rows: Sequence[Row]) -> None:
    """The short codes that these messages carry, in the commit that announces them."""
    links = [
        (code, row.customer_id, row.seq, purpose)
        for row in rows
        for code, purpose in work.renderer.short_codes(row.customer_id, row.seq)
    ]
    if not links:
        return
    code, customer, seq, purpose = zip(*links, strict=True)
    with connection.cursor() as cursor:
        cursor.execute(
            _SHORT_LINKS,
            {
                **work.key._asdict(),
                "code": numbers(code),
                "customer": numbers(customer),
                "seq": numbers(seq),
                "purpose": numbers(purpose),
            },
        )
