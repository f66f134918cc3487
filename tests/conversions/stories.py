"""Deliveries and purchases for tests, written as the send and the intake leave them."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from itertools import count
from typing import Any

from audiences.models import Customer, Product, Store, Transaction, TransactionLine
from campaigns.models import Campaign, Delivery, Message, MessageVersion, Run
from conversions.models import Goal
from engage.orgs import months
from engage.orgs.models import Org, User
from tests import factories

_ids = count(1)
JUNE = datetime(2026, 6, 1, tzinfo=UTC)


def utc(month: int, day: int, clock: str = "00:00:00") -> datetime:
    return datetime.fromisoformat(f"2026-{month:02}-{day:02}T{clock}+00:00")


class Story:
    """One org's campaigns, people and bills. Instants are UTC; money in minor units."""

    def __init__(self, org: Org, *, clock: datetime = JUNE) -> None:
        self.org = org
        self.author: User = factories.user("Author", password=None)
        self.clock = clock
        days = [date(2026, month, 1) for month in range(5, 13)]
        for table in ("audiences_transaction", "audiences_transactionline", "campaigns_delivery"):
            months.ensure(table, days)

    def campaign(
        self,
        *,
        start: date = date(2026, 6, 1),
        end: date = date(2026, 6, 30),
        goal: dict[str, Any] | None = None,
    ) -> Campaign:
        """A campaign; `goal` overrides 15 days, delivered, last touch, any sale; None is no goal."""
        campaign = Campaign.objects.create(
            org=self.org, name=f"Campaign {next(_ids)}", start_on=start, end_on=end, created_by=self.author,
            created_at=self.clock, updated_at=self.clock, control_permille=100,
        )  # fmt: skip
        if goal is not None:
            Goal.objects.create(
                org=self.org,
                campaign=campaign,
                updated_at=self.clock,
                **{"window_days": 15, "anchor": "delivered", "touch": "last", "groups": []} | goal,
            )
        return campaign

    def run(self, campaign: Campaign, on: date = date(2026, 6, 1)) -> Run:
        """A finished run of a new message."""
        message = Message.objects.create(
            org=self.org, campaign=campaign, title=f"Message {next(_ids)}", zone="UTC", status_at=self.clock,
            created_by=self.author, created_at=self.clock, updated_at=self.clock,
        )  # fmt: skip
        version = MessageVersion.objects.create(
            org=self.org, message=message, number=1, body="{}", hash="1:x", submitted_by=self.author,
            submitted_at=self.clock,
        )  # fmt: skip
        return Run.objects.create(
            org=self.org, campaign=campaign, message=message, version=version, run_on=on, status="completed",
            due_at=self.clock, created_at=self.clock,
        )  # fmt: skip

    def customers(self, n: int) -> list[int]:
        rows = [
            Customer(
                org=self.org,
                id=number,
                external_id=f"C{number}",
                created_at=self.clock,
                updated_at=self.clock,
            )
            for number in (next(_ids) for _ in range(n))
        ]
        Customer.objects.bulk_create(rows)
        return [row.id for row in rows]

    def deliver(self, run: Run, customers: list[int], **facts: Any) -> list[Delivery]:
        """Ledger rows; by default Sent to test customers and delivered a minute later. `changed_at` is the server's."""
        ten = datetime.combine(run.run_on, datetime.min.time(), UTC) + timedelta(hours=10)
        sent_at = facts.get("sent_at") or ten
        defaults: dict[str, Any] = {
            "slot": 0, "variant": 0, "arm": 0, "channel": "email", "state": Delivery.State.SENT, "due_at": sent_at,
            "state_at": sent_at, "sent_at": sent_at, "delivered_at": sent_at + timedelta(minutes=1),
            "anchors_changed_at": facts.pop("changed_at", sent_at),
        }  # fmt: skip
        first = Delivery.objects.for_org(self.org).filter(run_id=run.pk).count() + 1
        rows = [
            Delivery(
                org=self.org, customer_id=customer, run_on=run.run_on, run_id=run.pk, seq=first + place,
                campaign_id=run.campaign_id, message_id=run.message_id, **defaults | facts,
            )
            for place, customer in enumerate(customers)
        ]  # fmt: skip
        Delivery.objects.bulk_create(rows)
        return rows

    def hold_out(self, run: Run, customers: list[int], *, at: datetime) -> list[Delivery]:
        """Control rows at their turn."""
        return self.deliver(
            run,
            customers,
            arm=1,
            state=Delivery.State.HELD_OUT,
            sent_at=None,
            delivered_at=None,
            due_at=at,
            state_at=at,
            changed_at=at,
        )

    def buy(
        self, customer: int, at: datetime, net: int = 10_000, *, store: str = "", changed_at: datetime | None = None,
        lines: list[tuple[str, int]] | None = None, **facts: Any,
    ) -> Transaction:  # fmt: skip
        """A sale; `lines` are (item code, amount)."""
        number = next(_ids)
        shop = Store.objects.for_org(self.org).get_or_create(org=self.org, code=store)[0] if store else None
        bill = Transaction(
            org=self.org, customer_id=customer, txn_at=at, id=number, external_id=f"B{number}", net=net,
            store_id=shop.pk if shop else None,
            **{"kind": "sale", "net_after_returns": net, "received_at": at, "changed_at": changed_at or at} | facts,
        )  # fmt: skip
        bill.save(force_insert=True)
        for place, (code, amount) in enumerate(lines or [], 1):
            product = Product.objects.for_org(self.org).get_or_create(org=self.org, code=code)[0]
            TransactionLine(
                org=self.org, customer_id=customer, txn_at=at, txn_id=number, line_no=place, product_id=product.pk,
                quantity=1000, amount=amount,
            ).save(force_insert=True)  # fmt: skip
        return bill

    def change(self, bill: Transaction, *, at: datetime, **facts: Any) -> None:
        """As intake changes a bill: a return of it, or a corrected one."""
        Transaction.objects.for_org(self.org).filter(
            customer_id=bill.customer_id, txn_at=bill.txn_at, id=bill.id
        ).update(changed_at=at, **facts)
