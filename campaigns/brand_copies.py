"""A copy of what a run sends for each colleague of its brand group: once a run, counted nowhere (C-15, T-27, M-02).

Rendered from the approved body with the tags' samples, so nobody's values leave with it. The move to Sending writes the
copies down; a task hands each over at most once, as tests are.
"""

from __future__ import annotations

from datetime import datetime
from typing import Final

from django.db.models import Min
from django.utils import timezone

from campaigns import colleagues, compiling, run_lock
from campaigns.body import Body
from campaigns.models import BrandContact, BrandCopy, Chunk, Run
from channels import senders
from channels.merge import ContentRefused
from channels.models import Sender
from channels.protocol import Outgoing, SenderFacts
from engage.orgs import due
from engage.orgs.models import OrgSettings
from engage.orgs.tenancy import org_context

DUE_KIND: Final = "brand-copy"
MARK: Final = "[COPY]"
_GOES_OUT: Final = (Run.Status.SENDING, Run.Status.COMPLETED)
_OVER: Final = (Run.Status.STOPPED, Run.Status.FAILED, Run.Status.MISSED)


def plan(run: Run) -> None:
    """Write down who gets a copy of a run that begins, due when its first rows are. Safe to repeat.

    A run whose queue is empty sends nothing, so there is nothing to copy.
    """
    copies = Body.parse(run.version.body).copies
    if not copies:
        return
    chunks = Chunk.objects.for_org(run.org_id).filter(run_id=run.pk)
    opens_at: datetime | None = chunks.aggregate(first=Min("not_before"))["first"]
    if opens_at is None:
        return
    BrandCopy.objects.bulk_create(
        (BrandCopy(org_id=run.org_id, run=run, address=address) for address in copies), ignore_conflicts=True
    )
    waiting = BrandCopy.objects.for_org(run.org_id).filter(run=run, begun_at=None)
    for copy_id in waiting.values_list("pk", flat=True):
        due.set_due(run.org_id, DUE_KIND, copy_id, opens_at)


def hand_over(org_id: int, copy_id: int) -> None:
    """Send one copy, if its run goes out. Marked as begun before its first byte, so nothing is ever sent again.

    Call outside any transaction.
    """
    with org_context(org_id):
        prepared = _begin(org_id, copy_id)
    if prepared is not None:
        result = colleagues.hand_over(*prepared)
        with org_context(org_id):
            _finish(org_id, copy_id, result)


def _begin(org_id: int, copy_id: int) -> tuple[SenderFacts, Outgoing] | None:
    """None: it is begun, or over; or its run is held up, and its bell rings again."""
    copies = BrandCopy.objects.for_org(org_id).filter(pk=copy_id)
    run_id = copies.values_list("run_id", flat=True).first()
    if run_id is None:
        return None
    run_lock.shared(run_id)  # a stop that has its answer is seen
    copy = copies.select_for_update(skip_locked=True).first()
    if copy is None:
        return None
    run = Run.objects.for_org(org_id).select_related("org", "version").get(pk=run_id)
    if copy.begun_at is None and _is_held_up(run):
        return None
    due.clear(org_id, DUE_KIND, copy_id)
    if copy.begun_at is not None:
        return None
    copy.begun_at = timezone.now()
    copy.save(update_fields=["begun_at"])
    body = colleagues.marked(Body.parse(run.version.body), MARK)
    sender = Sender.objects.for_org(org_id).get(pk=body.sender.id)
    if refusal := _refusal(run, body, copy, sender):
        _finish(org_id, copy_id, refusal)
        return None
    facts = compiling.approved_sender(body, senders.facts(sender))
    try:
        content = compiling.compiled(body.contents[0], facts, compiling.run_facts(run.org, body))
    except ContentRefused as refused:
        _finish(org_id, copy_id, str(refused))
        return None
    outgoing = colleagues.write(
        content,
        colleagues.sample_values(org_id, body, content),
        org_id=org_id,
        kind=colleagues.Kind.COPY,
        number=copy_id,
        address=copy.address,
        at=copy.begun_at,
    )
    return facts, outgoing


def _is_held_up(run: Run) -> bool:
    halted = OrgSettings.objects.for_org(run.org_id).filter(sending_halted_at__isnull=False)
    return run.status not in _OVER and (run.status not in _GOES_OUT or halted.exists())


def _refusal(run: Run, body: Body, copy: BrandCopy, sender: Sender) -> str:
    """Why the copy is not sent, as of now; empty: it is. Who left the group meanwhile gets none."""
    if run.status in _OVER:
        return "The message was stopped before."
    members = BrandContact.objects.for_org(run.org_id).filter(group=body.copy_group, channel=body.channel)
    if not members.filter(address=copy.address).exists():
        return "The address is no longer in the brand group."
    if sender.status != Sender.Status.ACTIVE:
        return "The sender is not active."
    return ""


def _finish(org_id: int, copy_id: int, result: str) -> None:
    BrandCopy.objects.for_org(org_id).filter(pk=copy_id).update(
        finished_at=timezone.now(), result=result[:300]
    )
