"""Pages of ledger rows: those of some runs in one state, or those of one customer. Read by key, never counted."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from audiences.models import Customer
from campaigns import reasons, wording
from campaigns.models import Campaign, Delivery, Message, Run
from campaigns.reasons import Reason
from engage.orgs.access import Access

PAGE: Final = 50
State = Delivery.State


@dataclass(frozen=True)
class Row:
    """A delivery with what a page says of it."""

    delivery: Delivery
    run: Run | None = None
    customer: Customer | None = None
    message: Message | None = None

    @property
    def state(self) -> str:
        return str(State(self.delivery.state).label)

    @property
    def outcome(self) -> str:
        found = self.delivery.outcome
        return str(Delivery.Outcome(found).label) if found else ""

    @property
    def channel(self) -> str:
        return wording.CHANNELS[self.delivery.channel][1]

    @property
    def tone(self) -> str:
        if self.delivery.outcome:
            return _OUTCOME_TONES[self.delivery.outcome]  # type: ignore[index]  # a value of the enum
        return _TONES[self.delivery.state]  # type: ignore[index]  # a value of the enum

    @property
    def reason(self) -> Reason | None:
        """Of a Sent row its outcome's (H-39), of another its state's."""
        sent = self.delivery.state == State.SENT
        code = self.delivery.outcome_reason if sent else self.delivery.reason
        return reasons.of(code) if code else None

    @property
    def proved_by_report(self) -> bool:
        return self.delivery.state == State.SENT and bool(self.delivery.reason)


_TONES: Final = {
    State.SENT: "ok", State.FAILED: "bad", State.UNCONFIRMED: "warn", State.SKIPPED: "plain", State.HELD_OUT: "info",
    State.CANCELLED: "plain",
}  # fmt: skip
_OUTCOME_TONES: Final = {
    Delivery.Outcome.IN_FLIGHT: "live", Delivery.Outcome.DELIVERED: "ok", Delivery.Outcome.NOT_DELIVERED: "bad",
    Delivery.Outcome.NO_REPORT: "plain",
}  # fmt: skip


@dataclass(frozen=True)
class Page:
    rows: Sequence[Row]
    after: str = ""


def of_runs(
    runs: Iterable[Run], state: State, *, reason: str = "", after: str = "", most: int = PAGE
) -> Page:
    """Rows of these runs in one state, and with one reason; `after` is where the last page ended."""
    ordered = sorted(runs, key=lambda run: -run.pk)
    from_run, from_seq = _position(after)
    found: list[tuple[Run, Delivery]] = []
    for run in ordered:
        if from_run and run.pk > from_run:
            continue
        seq = from_seq if run.pk == from_run else None
        found += [(run, row) for row in _of_run(run, state, reason, seq, most + 1 - len(found))]
        if len(found) > most:
            break
    more = len(found) > most
    found = found[:most]
    names = _customers(ordered[0].org_id, [row.customer_id for _, row in found]) if found else {}
    last = found[-1][1] if more else None
    return Page(
        [Row(row, run, names.get(row.customer_id), run.message) for run, row in found],
        f"{last.run_id}.{last.seq}" if last else "",
    )


def _of_run(run: Run, state: State, reason: str, after: int | None, most: int) -> list[Delivery]:
    rows = Delivery.objects.for_org(run.org_id).filter(
        run_on=run.run_on, run_id=run.pk, campaign_id=run.campaign_id, state=state
    )
    if reason:
        rows = rows.filter(**{"outcome_reason" if state == State.SENT else "reason": reason})
    if after is not None:
        rows = rows.filter(seq__gt=after)
    return list(rows.order_by("seq")[:most])


def _position(after: str) -> tuple[int, int]:
    run, _, seq = after.partition(".")
    if run.isdigit() and seq.lstrip("-").isdigit():
        return int(run), int(seq)
    return 0, 0


def _customers(org_id: int, ids: Iterable[int]) -> dict[int, Customer]:
    return {customer.id: customer for customer in Customer.objects.for_org(org_id).filter(id__in=set(ids))}


def of_customer(access: Access, customer_id: int, *, before: datetime | None = None, most: int = 20) -> Page:
    """A customer's deliveries, the newest first, of campaigns in the member's scope."""
    org_id = access.org.pk
    rows = Delivery.objects.for_org(org_id).filter(customer_id=customer_id)
    if before is not None:
        rows = rows.filter(state_at__lt=before, run_on__lte=before.date() + timedelta(days=1))
    if not access.whole_org:
        mine = Campaign.objects.for_org(org_id).visible_to(access).values("pk")
        rows = rows.filter(campaign_id__in=mine)
    found = list(rows.order_by("-state_at")[: most + 1])
    messages: dict[int, Any] = (
        Message.objects.for_org(org_id).select_related("campaign").in_bulk([row.message_id for row in found])
    )
    shown = [Row(row, message=messages.get(row.message_id)) for row in found[:most]]
    return Page(shown, found[most - 1].state_at.isoformat() if len(found) > most else "")
