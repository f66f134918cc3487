"""What the page of a message says while it is sent: every state with its number, the pace, the time left (C-47)."""

from __future__ import annotations

import re
import time
from types import SimpleNamespace

import pytest
from django.test import Client

from campaigns.dispatch import pace
from campaigns.models import Chunk
from engage.orgs.models import Org, User
from engage.orgs.tenancy import org_context
from tests.campaigns.receipts.ledgers import SENT_AT, Ledger, State, ledger_of

EXPECTED = {
    "Targeted": 190,
    "Queued": 177,
    "Handing over": 3,
    "Sent": 4,
    "Failed": 1,
    "Unconfirmed": 2,
    "Skipped": 1,
    "Held out": 1,
    "Cancelled": 1,
}


@pytest.fixture
def ledger(org: Org) -> Ledger:
    """A run in the middle of it: 10 people are through, 3 in a lane's hands, 177 wait."""
    with org_context(org.pk):
        found = ledger_of(org, 10, sent=False)
        found.append(1, 2, 3, 4)
        found.append(5, state=State.FAILED, reason="content_rejected")
        found.append(6, 7, state=State.UNCONFIRMED, reason="no_answer")
        found.append(8, state=State.SKIPPED, reason="no_consent")
        found.append(9, state=State.HELD_OUT)
        found.append(10, state=State.CANCELLED, reason="erased")
        held = found.add_people(3)
        Chunk.objects.for_org(org).filter(run_id=found.run.pk, no=held[0]).update(closed=False, done=0)
        found.add_waiting(177, not_before=SENT_AT)
    return found


def _page(org: Org, ledger: Ledger, member: User) -> str:
    client = Client()
    client.force_login(member)
    answer = client.get(f"/o/{org.slug}/messages/{ledger.message.pk}/")
    assert answer.status_code == 200
    return answer.content.decode()


def test_every_state_is_counted_and_adds_up(org: Org, ledger: Ledger, marketer: User) -> None:
    """C-47, M-13, M-27"""
    html = _page(org, ledger, marketer)
    counts = re.findall(r'<li><b class="num">([\d,]+)</b>(?:<a [^>]*>)?([A-Z][a-z ]+)', html)
    shown = {name: int(number.replace(",", "")) for number, name in counts}
    assert {name: shown.get(name) for name in EXPECTED} == EXPECTED
    assert sum(EXPECTED.values()) == 2 * EXPECTED["Targeted"]


def test_the_pace_and_the_time_left_follow_from_the_last_half_minute(
    org: Org, ledger: Ledger, marketer: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    """C-47: 30 answers in 30 seconds, 180 people left."""
    assert "min left" not in _page(org, ledger, marketer)
    with monkeypatch.context() as a_while_ago:
        a_while_ago.setattr(pace, "time", SimpleNamespace(time=lambda: time.time() - 10))
        pace.note(ledger.key, 30)
    assert "60 a minute, 3 min left" in " ".join(_page(org, ledger, marketer).split())
