"""A run in the middle of its life, without a carrier: people, their queue, and ledger rows as lanes append them."""

from __future__ import annotations

import secrets
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import count
from typing import Any

from django.db import connection

from audiences.keys import lookup_key
from audiences.models import AddressRef, ContactPoint, Customer
from campaigns import tally
from campaigns.dispatch import ledger
from campaigns.dispatch.ledger import Entry, RunKey
from campaigns.models import Chunk, Delivery, DeliveryEvent, Message, Recipient, Run, Tally
from campaigns.progress import Progress, of_runs
from campaigns.verify import verify_run
from channels import registry
from channels.models import Sender
from channels.receipts import Kind, Receipt, Reports
from channels.secrets import encrypt
from channels.tokens import LedgerKey, RunSigner
from engage.orgs import months
from engage.orgs.models import Org
from tests.campaigns import factories as made
from tests.factories import NOW

State = Delivery.State
SENT_AT = NOW + timedelta(minutes=2)
HOOK_SECRET = "a secret of the provider"
_events = count(1)


@dataclass
class Ledger:
    """`people[seq]` is the customer of a row; `sent_at` when every row was handed over."""

    org: Org
    sender: Sender
    message: Message
    run: Run
    key: RunKey
    people: dict[int, int] = field(default_factory=dict)
    addresses: dict[int, str] = field(default_factory=dict)

    def row(self, seq: int = 1) -> Delivery:
        return Delivery.objects.for_org(self.org).get(run_id=self.run.pk, seq=seq)

    def events(self, seq: int = 1) -> list[DeliveryEvent]:
        found = DeliveryEvent.objects.for_org(self.org).filter(run_id=self.run.pk, seq=seq)
        return list(found.order_by("at", "event_key"))

    def ledger_key(self, seq: int = 1) -> LedgerKey:
        return LedgerKey(self.org.pk, self.people[seq], self.run.run_on, self.run.pk, seq)

    def signer(self, links: int = 2) -> RunSigner:
        return RunSigner(org=self.org.pk, run_on=self.run.run_on, run=self.run.pk, links=links)

    def reference(self, seq: int = 1) -> str:
        return self.signer().sign(self.people[seq], seq).reference

    def receipt(
        self,
        kind: str,
        seq: int = 1,
        *,
        after: float = 60,
        event_id: str = "",
        code: str = "",
        link: str = "",
    ) -> Receipt:
        """A report, `after` seconds from the hand-over by the provider's clock."""
        event_id = event_id or f"e{next(_events)}"
        at = SENT_AT + timedelta(seconds=after)
        return Receipt(
            event_id, Kind(kind), self.reference(seq), "", at, code, link, f'{{"event_id": "{event_id}"}}'
        )

    def add_people(self, number: int, *, arm: int = 0) -> list[int]:
        """People in the run's queue, targeted; returns their rows' numbers."""
        first = len(self.people) + 1
        seqs = list(range(first, first + number))
        with connection.cursor() as cursor:
            cursor.execute(
                "SELECT nextval('audiences_customer_id_seq') FROM generate_series(1, %s)", [number]
            )
            ids = [row[0] for row in cursor.fetchall()]
        Customer.objects.bulk_create(
            Customer(
                org=self.org, id=pk, external_id=f"C{pk}", first_name="Asha", created_at=NOW, updated_at=NOW
            )
            for pk in ids
        )
        kind = "email" if self.sender.channel == "email" else "phone"
        for seq, pk in zip(seqs, ids, strict=True):
            self.people[seq] = pk
            self.addresses[seq] = f"person{pk}@example.com" if kind == "email" else f"+4477{pk:08d}"
        keys = {seq: lookup_key(kind, self.addresses[seq]) for seq in seqs}
        shared: dict[str, Any] = {"org": self.org, "kind": kind}
        long_ago = NOW - timedelta(days=9)
        ContactPoint.objects.bulk_create(
            ContactPoint(
                customer_id=self.people[seq],
                value=self.addresses[seq],
                key=keys[seq],
                state_at=long_ago,
                **shared,
            )
            for seq in seqs
        )
        AddressRef.objects.bulk_create(
            AddressRef(customer_id=self.people[seq], value=self.addresses[seq], key=keys[seq], **shared)
            for seq in seqs
        )
        Recipient.objects.bulk_create(
            Recipient(
                org=self.org, run_on=self.run.run_on, run_id=self.run.pk, seq=seq, customer_id=self.people[seq], slot=0,
                variant=0, arm=arm, channel=self.sender.channel, address=self.addresses[seq], address_key=keys[seq],
                values=[], due_at=NOW,
            )
            for seq in seqs
        )  # fmt: skip
        self._count(Tally(state=tally.TARGETED, n=number, arm=arm))
        Chunk.objects.create(
            org=self.org, run_id=self.run.pk, no=first, run_on=self.run.run_on, first_seq=first, last_seq=seqs[-1],
            intent_hi=seqs[-1], done=number, closed=True, not_before=NOW,
        )  # fmt: skip
        return seqs

    def add_waiting(self, number: int, *, not_before: datetime) -> list[int]:
        """People whose chunk nobody has begun."""
        seqs = self.add_people(number)
        Chunk.objects.for_org(self.org).filter(run_id=self.run.pk, no=seqs[0]).update(
            closed=False, done=0, intent_hi=seqs[0] - 1, not_before=not_before
        )
        return seqs

    def append(self, *seqs: int, state: int = State.SENT, reason: str = "", at: datetime = SENT_AT) -> None:
        """Ledger rows as a lane appends them."""
        stated = registry.adapter(self.sender.adapter).capabilities.receipts
        outcome = ledger.FIRST_OUTCOME[stated] if state == State.SENT else 0
        ms = int(at.timestamp() * 1000)
        tries = int(state in {State.SENT, State.FAILED, State.UNCONFIRMED})
        ledger.append(self.key, [Entry(seq, state, reason, ms, tries, outcome) for seq in seqs])

    def forget_queue(self) -> None:
        """As after the queue's retention: the ledger is all that is left of the run's rows."""
        Recipient.objects.for_org(self.org).filter(run_id=self.run.pk).delete()

    def _count(self, row: Tally) -> None:
        row.org, row.run_id, row.id = self.org, self.run.pk, secrets.randbits(60)
        row.slot, row.variant, row.channel = 0, 0, self.sender.channel
        row.save(force_insert=True)

    def progress(self) -> Progress:
        return of_runs(self.org.pk, [self.run.pk])[self.run.pk]

    def findings(self) -> list[str]:
        """What does not add up (M-27)."""
        return [finding.what for finding in verify_run(self.run)]


def reports(*receipts: Receipt) -> Reports:
    return Reports(tuple(receipts), (), ())


def ledger_of(org: Org, people: int = 1, *, sent: bool = True, **sender: Any) -> Ledger:
    """A run that is Sending, its rows Sent. The org's context is open."""
    story = made.Story(org)
    content, frame = sender.pop("content", made.EMAIL), sender.pop("campaign", {})
    sender = {"adapter": "sandbox-email", "config": {"account": "acme"}, "secret": encrypt("key")} | sender
    who = made.sender(org, hook_secret=encrypt(HOOK_SECRET), **sender)
    message = story.to("sending", campaign=frame, sender=who, channel=who.channel, content=content)
    run = Run.objects.for_org(org).get(pk=message.run_id)
    for table in ("campaigns_recipient", "campaigns_delivery"):
        months.ensure(table, [run.run_on])
    key = RunKey(org.pk, run.pk, run.run_on, run.campaign_id, run.message_id, who.pk, 0)
    found = Ledger(org, who, message, run, key)
    seqs = found.add_people(people)
    if sent:
        found.append(*seqs)
    return found
