"""Webhooks that come at the same moment about the same deliveries, on connections of their own."""

from __future__ import annotations

import threading
from collections.abc import Callable
from datetime import timedelta

from django.db import connections

from campaigns import receipts
from campaigns.models import Delivery
from engage.orgs.tenancy import org_context
from tests import factories
from tests.campaigns.receipts.ledgers import SENT_AT, ledger_of, reports
from tests.campaigns.send.conftest import transactional_db  # noqa: F401  a fixture

LATER = SENT_AT + timedelta(hours=1)


def at_once(deeds: list[Callable[[], object]]) -> None:
    """Run them in threads that begin together; the first failure is the test's."""
    ready, failed = threading.Barrier(len(deeds)), []

    def run(deed: Callable[[], object]) -> None:
        try:
            ready.wait()
            deed()
        except Exception as error:  # noqa: BLE001  raised in the test's own thread
            failed.append(error)
        finally:
            connections.close_all()

    threads = [threading.Thread(target=run, args=(deed,)) for deed in deeds]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if failed:
        raise failed[0]


def test_reports_that_race_lose_nothing_and_count_nothing_twice(transactional_db: None) -> None:  # noqa: F811
    """Q-23, M-27: in opposite orders, some of them by two webhooks at once."""
    org = factories.OrgFactory.create()
    with org_context(org.pk):
        ledger = ledger_of(org, 40)
        told = {
            kind: [ledger.receipt(kind, seq, event_id=f"{kind}-{seq}") for seq in ledger.people]
            for kind in ("delivered", "opened", "clicked")
        }

    def tell(kind: str, *, backwards: bool) -> Callable[[], None]:
        receipts_of = told[kind][::-1] if backwards else told[kind]

        def deed() -> None:
            with org_context(org.pk):
                receipts.apply(ledger.sender, reports(*receipts_of), at=LATER)

        return deed

    at_once([tell(kind, backwards=backwards) for kind in told for backwards in (False, True)])
    with org_context(org.pk):
        rows = Delivery.objects.for_org(org).filter(run_id=ledger.run.pk)
        assert rows.filter(delivered_at=None).count() == 0
        assert rows.filter(opened_at=None).count() == 0
        progress = ledger.progress()
        assert (progress.delivered, progress.opened, progress.clicked) == (40, 40, 40)
        assert ledger.findings() == []
        assert len(ledger.events()) == 3
