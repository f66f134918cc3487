"""Doorbells of the receipts: ids only, each looks at the database first."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from celery import shared_task

from campaigns.receipts import answering, parked, rounds
from campaigns.receipts.facts import Fact
from engage.orgs import due


@shared_task
def look_at_receipts(*, org_id: int, **_: Any) -> None:
    rounds.go(org_id)


@shared_task
def answer_help(*, org_id: int, run_id: int, seq: int, event_key: str, **_: Any) -> None:
    answering.answer(org_id, run_id, seq, event_key)


def help_bell(org_id: int, fact: Fact) -> Callable[[], object]:
    """What to do after the commit that stored a cry for help."""
    ids = {"run_id": fact.key.run, "seq": fact.key.seq, "event_key": fact.event.event_key}
    return lambda: answer_help.delay(org_id=org_id, **ids)  # type: ignore[arg-type]  # typed where it is made


@due.handler(parked.DUE)
def ring_receipts(org_id: int, ref_id: int) -> None:
    look_at_receipts.delay(org_id=org_id)
