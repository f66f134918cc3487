"""Any order, repetition and delay of the same reports gives the same rows and sums (Q-23)."""

from __future__ import annotations

import random
from collections.abc import Sequence
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from campaigns import receipts
from campaigns.models import Delivery, Tally
from campaigns.receipts import recording
from channels.outcome import outcome
from channels.protocol import Receipts
from channels.receipts import Kind, Receipt
from engage.orgs.models import Org
from tests.campaigns.receipts.ledgers import SENT_AT, Ledger, State, ledger_of, reports

AT = SENT_AT + timedelta(days=4)
_STATES = st.sampled_from([State.SENT, State.UNCONFIRMED])
_CODES = st.sampled_from(["", "mailbox_full", "domain_invalid", "a code of theirs"])
# Few moments, so that ties are common; also before the hand-over, because clocks disagree.
_EVENT = st.tuples(st.sampled_from(list(Kind)), st.integers(-2, 4).map(lambda n: n * 600), _CODES)


@pytest.fixture
def ledger(inside: Org) -> Ledger:
    """One run for all examples of a test; each has rows of its own."""
    return ledger_of(inside)


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(events=st.lists(_EVENT, max_size=6), state=_STATES, seed=st.integers(0, 2**32))
def test_any_order_and_repetition_gives_the_same_row_and_the_same_sums(
    ledger: Ledger, events: list[tuple[Kind, float, str]], state: int, seed: int
) -> None:
    """Q-23, H-35, H-36, H-37, M-27"""
    together, apart = ledger.add_people(2)
    ledger.append(together, apart, state=state, reason="" if state == State.SENT else "no_answer")
    chance = random.Random(seed)
    told = {
        seq: [ledger.receipt(kind, seq, after=after, code=code) for kind, after, code in events]
        for seq in (together, apart)
    }
    before = _tally(ledger)
    receipts.apply(ledger.sender, reports(*told[together]), at=AT)
    middle = _tally(ledger)
    for batch in _shuffled(told[apart], chance):
        receipts.apply(ledger.sender, reports(*batch), at=AT)
    assert _facts(ledger.row(together)) == _facts(ledger.row(apart))
    assert _difference(before, middle) == _difference(middle, _tally(ledger))
    assert ledger.findings() == []
    row = ledger.row(apart)
    if row.state == State.SENT:
        kinds = [kind.value for kind, _, _ in events]
        softened = any(kind is Kind.SOFT_BOUNCED for kind, _, _ in events)
        gave_up = softened and "delivered" not in kinds
        assert row.get_outcome_display().lower().replace(" ", "_") == outcome(
            kinds, Receipts.FULL, gave_up=gave_up
        )
    else:
        assert not events


def _shuffled(told: Sequence[Receipt], chance: random.Random) -> list[list[Receipt]]:
    """The same reports in requests of one or more, in any order, some of them twice."""
    all_of_them = [*told, *chance.sample(list(told), chance.randint(0, len(told)))]
    chance.shuffle(all_of_them)
    batches: list[list[Receipt]] = []
    while all_of_them:
        size = chance.randint(1, len(all_of_them))
        batches.append(all_of_them[:size])
        all_of_them = all_of_them[size:]
    return batches


def _facts(row: Delivery) -> tuple[Any, ...]:
    return (
        row.state, row.reason, row.outcome, row.outcome_reason, row.sent_at, row.state_at, row.delivered_at,
        row.opened_at, row.clicked_at,
    )  # fmt: skip


def _tally(ledger: Ledger) -> dict[tuple[int, str, int], int]:
    sums: dict[tuple[int, str, int], int] = {}
    for row in Tally.objects.for_org(ledger.org).filter(run_id=ledger.run.pk):
        at = (row.state, row.reason, row.outcome)
        sums[at] = sums.get(at, 0) + row.n
    return {at: n for at, n in sums.items() if n}


def _difference(before: dict[Any, int], after: dict[Any, int]) -> dict[Any, int]:
    found = {at: after.get(at, 0) - before.get(at, 0) for at in before.keys() | after.keys()}
    return {at: n for at, n in found.items() if n}


def test_settling_again_changes_nothing(ledger: Ledger) -> None:
    """Q-23: the ledger is a function of the events, so a repeated settling writes no row."""
    receipts.apply(ledger.sender, reports(ledger.receipt("delivered"), ledger.receipt("opened")), at=AT)
    before = ledger.row().anchors_changed_at, _tally(ledger)
    org = ledger.org.pk
    recording.settle(org, recording.lock(org, [ledger.ledger_key()]), at=AT)
    assert (ledger.row().anchors_changed_at, _tally(ledger)) == before
