"""Opens and clicks at our own doors: who came, a person or a machine, and when (H-24)."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import NamedTuple

from django.db import transaction

from campaigns.models import Run
from campaigns.receipts import consequences, parked, recording
from campaigns.receipts.facts import Event, Fact
from channels import machines
from channels.receipts import Kind
from channels.tokens import LedgerKey


class Visit(NamedTuple):
    """A request at a tracking door. `purpose` is what browsers say when they fetch ahead."""

    method: str
    user_agent: str
    purpose: str = ""

    def by_machine(self, link: int | None) -> bool:
        return machines.by_request(
            method=self.method, user_agent=self.user_agent, purpose=self.purpose, link=link
        )


@transaction.atomic
def note(run: Run, key: LedgerKey, visit: Visit, *, at: datetime, link: int | None = None) -> None:
    """Keep a visit of the open pixel (`link` None) or of a link. Call inside the org's context.

    One event a second of each kind: whoever asks a thousand times a second fills no ledger. A simulated run's visits
    are dated as the run is.
    """
    machine = visit.by_machine(link)
    moment = at + timedelta(seconds=run.clock_shift)
    kind = Kind.OPENED if link is None else Kind.CLICKED
    name = f"{kind.value}{'' if link is None else f' {link}'}{' by machine' if machine else ''}"
    fact = Fact(
        key, Event(f"{name} {int(moment.timestamp())}", kind.value, moment, machine=machine, link=link)
    )
    recorded = recording.record(key.org, [fact], received_at=at)
    consequences.act(key.org, recorded.fresh)
    parked.park(
        key.org, [(parked.reference_of(key), fact.event) for fact in recorded.missing], received_at=at
    )
