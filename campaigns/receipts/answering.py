"""HELP is answered with the org's help text, once (H-38)."""

from __future__ import annotations

import asyncio
import json
import logging

from django.utils import timezone

from campaigns.models import DeliveryEvent, Run
from campaigns.receipts.replies import HELP_CODE
from channels import registry, senders
from channels.feed import Batch
from channels.models import Sender
from channels.protocol import Outgoing, Result
from channels.replies import words_of
from channels.tokens import NO_RUN, RunSigner
from engage.orgs.models import OrgSettings
from engage.orgs.tenancy import org_context

logger = logging.getLogger(__name__)

_ANSWERED = f"{HELP_CODE} answered"


def answer(org_id: int, run_id: int, seq: int, event_key: str) -> None:
    """Send the help text to whoever wrote HELP. Marked before it is sent: a doubled bell sends nothing twice.

    Call outside any transaction.
    """
    with org_context(org_id):
        events = DeliveryEvent.objects.for_org(org_id).filter(run_id=run_id, seq=seq, event_key=event_key)
        event = events.filter(code=HELP_CODE).select_for_update().first()
        if event is None:
            return
        events.update(code=_ANSWERED)
        run = Run.objects.for_org(org_id).select_related("message__sender", "org").get(pk=run_id)
        sender = run.message.sender
        if sender is None or sender.status != Sender.Status.ACTIVE:
            logger.info("HELP of run %s is not answered: its sender is not active", run_id)
            return
        wrote = json.loads(event.raw)
        company = OrgSettings.objects.for_org(org_id).get().legal_name or run.org.name
        text = words_of(org_id).answer(wrote["text"], company)
        facts = senders.facts(sender)
    signer = RunSigner(org=org_id, run_on=timezone.now().date(), run=NO_RUN)
    reference = signer.sign(event.customer_id, seq).reference
    outgoing = Outgoing(0, wrote["from"], text.encode(), reference, reference)
    fault = asyncio.run(registry.channel_for(facts).send(Batch([outgoing]), _log))
    if fault is not None:
        logger.warning("HELP of run %s could not be answered: %s", run_id, fault.reason)


def _log(_key: int, result: Result) -> None:
    if result.reason is not None:
        logger.warning("an answer to HELP was not taken: %s", result.reason)
