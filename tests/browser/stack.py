"""A small shop on a whole stack: console, Celery worker, scheduler and carrier, each a process but the console."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import time, timedelta
from pathlib import Path
from typing import Final

from django.utils import timezone

from audiences import intake
from audiences.models import Customer
from campaigns import lifecycle
from campaigns.models import Delivery, Message
from channels import senders
from channels.models import Sender
from channels.tokens import LedgerKey, read_reference
from conversions import goals
from engage.local.home import CHECKOUT
from engage.orgs import due
from engage.orgs.models import Org, OrgSettings, User
from engage.orgs.tenancy import org_context
from tests import factories
from tests.local.carriers import Account, Carrier

BUYERS: Final = 60  # customers with a bill, whom the audience finds; as many again have none
HOLD: Final = timedelta(seconds=61)
WORKER: Final = ("celery", "--quiet", "--app", "engage", "worker", "--pool", "solo", "--without-gossip")


@dataclass
class Shop:
    """An org with customers, bills, a sender and a default goal; who writes in it and who approves."""

    org: Org
    settings: OrgSettings
    writer: User
    approver: User
    sender: Sender
    account: Account

    @property
    def address(self) -> str:
        return f"/o/{self.org.slug}/"

    def end_hold(self) -> None:
        """Let the 60 seconds of C-34 have passed, rather than wait for them."""
        with org_context(self.org.pk):
            message = Message.objects.for_org(self.org).get(status=Message.Status.SCHEDULED)
            assert message.due_at is not None
            assert message.hold_until is not None
            message.due_at -= HOLD
            message.hold_until -= HOLD
            message.save(update_fields=["due_at", "hold_until"])
            due.set_due(self.org, lifecycle.MESSAGE_DUE, message.pk, message.due_at)

    def mails(self) -> set[LedgerKey]:
        """The deliveries whose mail the carrier's own file holds, each once."""
        keys = [read_reference(reference) for reference in self.account.references()]
        assert len(keys) == len(set(keys)), "the carrier has a mail twice"
        return set(keys)

    def ledger(self, state: Delivery.State) -> set[LedgerKey]:
        with org_context(self.org.pk):
            rows = Delivery.objects.for_org(self.org).filter(state=state)
            return {
                LedgerKey(*row)
                for row in rows.values_list("org_id", "customer_id", "run_on", "run_id", "seq")
            }

    def external_ids(self, keys: set[LedgerKey]) -> set[str]:
        with org_context(self.org.pk):
            people = Customer.objects.for_org(self.org).filter(id__in={key.customer for key in keys})
            return set(people.values_list("external_id", flat=True))


def code(number: int) -> str:
    return f"S-{number:03}"


def _address(number: int) -> str:
    """What the carrier does to the first three stands in their addresses; the others are delivered."""
    named = {1: "bounced+unknown_user", 2: "clicked", 3: "opened"}
    return f"{named.get(number, f'person{number}')}@example.com"


def found_shop(carrier: Carrier) -> Shop:
    """Rows by the doors of files and calls; the account at the carrier reports at once."""
    at = timezone.now()
    org = factories.OrgFactory.create(slug="harbour", name="Harbour Stores")
    writer = factories.member(org, "marketer", "audience-manager", name="Mira")
    approver = factories.member(org, "approver", name="Arun")
    people = [
        {"external_id": code(n), "first_name": f"Name{n}", "email": _address(n), "email_promotional": True}
        for n in range(1, 2 * BUYERS + 1)
    ]
    bills = [
        {"external_id": f"B-{n}", "customer": code(n), "at": (at - timedelta(days=20)).isoformat(), "net": "900.00"}
        for n in range(1, BUYERS + 1)
    ]  # fmt: skip
    for kind, records in (("customers", people), ("transactions", bills)):
        assert not intake.take(org, intake.Kind(kind), records, source="test", at=at).rejected
    with org_context(org.pk):
        settings = factories.settings_of(
            org, quiet_from=time(0), quiet_until=time(0), control_permille=400, time_zone="UTC"
        )
        question = goals.Question(groups=[], window_days=7, anchor="sent", touch="last")
        goals.save_default(org, question, by=approver, at=at)
        sender = senders.open_sandbox(
            org, "email", name="Harbour News", identity="news@harbour.example", by=approver, at=at,
            instant=True, rates={},
        )  # fmt: skip
    return Shop(org, settings, writer, approver, sender, Account(carrier, sender.config["account"], ""))


@contextmanager
def workers(environment: dict[str, str]) -> Iterator[None]:
    """A Celery worker and a scheduler, as `engage up` runs them."""
    commands = [WORKER, ("django", "run_scheduler")]
    running = [
        subprocess.Popen(
            [sys.executable, "-W", "ignore", "-m", *command],
            cwd=CHECKOUT, env=environment, stdout=subprocess.DEVNULL,
        )
        for command in commands
    ]  # fmt: skip
    try:
        yield
        assert [process.poll() for process in running] == [None, None], "a worker or the scheduler died"
    finally:
        for process in running:
            process.terminate()
        for process in running:
            process.wait(30)


def bills_file(path: Path, bills: dict[str, int]) -> Path:
    """A file of sales made now: external id of the customer → rupees."""
    now = timezone.now().isoformat()
    lines = [f"N-{customer},{customer},{now},{rupees}.00" for customer, rupees in bills.items()]
    path.write_text("\n".join(["external_id,customer,at,net", *lines, ""]), encoding="utf-8")
    return path
