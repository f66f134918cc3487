"""From a due message to an open run: whoever makes the occurrence starts it; nothing starts late by itself (C-38)."""

from __future__ import annotations

import logging

from campaigns import lifecycle
from campaigns.clock import database_now
from campaigns.models import Message, Run
from campaigns.receipts import parked
from engage.orgs import due
from engage.orgs.models import OrgSettings
from engage.orgs.tenancy import org_context

logger = logging.getLogger(__name__)

# Due work: an org has unfinished runs to look after.
SEND_DUE = "send"


def start(org_id: int, message_id: int) -> Run | None:
    """Open the run of a due message, or block it if it was found later than its grace. None: nothing to start.

    Safe to repeat and to race. The database's clock decides: a worker whose clock is ahead starts nothing early.
    """
    with org_context(org_id):
        now = database_now()
        message = Message.objects.for_org(org_id).filter(pk=message_id).first()
        if message is None or message.status != Message.Status.SCHEDULED:
            due.clear(org_id, lifecycle.MESSAGE_DUE, message_id)
            return None
        settings = OrgSettings.objects.for_org(org_id).get()
        try:
            if lifecycle.is_past_grace(message, grace_minutes=settings.missed_grace_minutes, at=now):
                lifecycle.miss(message, at=now)
                return None
            run = lifecycle.open_run(message, at=now)
        except lifecycle.MoveRefused as refused:
            logger.info("message %s does not start: %s", message_id, refused)
            return None
        due.set_due(org_id, SEND_DUE, 0, now)
        due.set_due(org_id, parked.DUE, 0, now)  # from its first run on, an org's receipts are looked after
    return run
