"""A customer arrives: the bills that waited for them become theirs (A-15)."""

from __future__ import annotations

import logging
from collections.abc import Collection
from datetime import datetime
from typing import Final

from audiences.intake import waiting
from audiences.intake.answers import Rejected
from audiences.intake.bill_records import BillRecord
from audiences.intake.desk import Desk
from audiences.intake.transactions import TransactionWriter

logger = logging.getLogger(__name__)
AT_ONCE: Final = 5_000


def join_arrived(desk: Desk, keys: Collection[tuple[str, int]], at: datetime) -> None:
    """Take the bills kept for customers or addresses with these (kind, key). Part of the customers' transaction.

    A bill whose address turns out to belong to several customers goes on waiting.
    """
    if not keys:
        return
    kept = waiting.arrived(desk.org_id, keys)
    writer = TransactionWriter(desk)
    for start in range(0, len(kept), AT_ONCE):
        batch: list[tuple[int, BillRecord]] = []
        for number, record in enumerate(kept[start : start + AT_ONCE]):
            try:
                batch.append((number, writer.read.one(record)))
            except Rejected as rejected:
                # It was taken once; a setting changed since. It stays where the org can see it.
                logger.warning("a waiting bill of org %s cannot be taken: %s", desk.org_id, rejected.code)
        writer.write(batch, at)
