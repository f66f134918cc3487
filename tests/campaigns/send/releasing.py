"""Rows whose answer was lost, released by an approver, and what the carrier reports of them."""

from __future__ import annotations

import secrets

from campaigns import receipts, release, verify
from campaigns.clock import database_now
from campaigns.models import Delivery, ParkedReceipt, Recipient, Retry, Run
from campaigns.receipts.reports import Applied
from channels.models import Sender
from channels.receipts import Kind, Receipt, Reports
from channels.tokens import LedgerKey, RunSigner
from engage.orgs.tenancy import org_context
from tests.campaigns import factories as made
from tests.campaigns.send.driving import begin, drive
from tests.campaigns.send.world import World


def lose(world: World, **fields: object) -> Run:
    """A run whose every hand-over was kept by the carrier and answered to nobody, two hours ago."""
    world.account.behaves(answer="lose")
    run = drive(world, begin(world, **fields), let_retries_come=True, most=200)
    assert world.states(run) == {"unconfirmed/no_answer": len(world.people)}
    age(world)
    world.account.behaves(answer="accept")
    return run


def age(world: World) -> None:
    """So long ago that an approver may release."""
    world.execute(
        "UPDATE campaigns_delivery SET state_at = state_at - interval '2 hours' WHERE org_id = %(org)s"
    )


def let_go(world: World, run: Run, seq: int = 1) -> None:
    """An approver releases a row."""
    with org_context(world.org.pk):
        release.release(run, seq, by=made.access(world.approver, world.org), at=database_now())


def released(world: World, **fields: object) -> Run:
    """A run of which everybody waits for a second hand-over."""
    run = lose(world, **fields)
    for seq in range(1, len(world.people) + 1):
        let_go(world, run, seq)
    return run


def key_of(world: World, run: Run, seq: int = 1) -> LedgerKey:
    customer = Recipient.objects.for_org(world.org).get(run_id=run.pk, seq=seq).customer_id
    return LedgerKey(world.org.pk, customer, run.run_on, run.pk, seq)


def report(
    world: World, run: Run, seq: int = 1, kind: Kind = Kind.DELIVERED, *, sender: Sender | None = None
) -> Applied:
    """What the carrier says of a row's hand-over, as its verified webhook brings it; how it was taken in."""
    with org_context(world.org.pk):
        return told(world, run, seq, kind, sender=sender)


def told(
    world: World, run: Run, seq: int = 1, kind: Kind = Kind.DELIVERED, *, sender: Sender | None = None
) -> Applied:
    """The same in the caller's transaction."""
    signer = RunSigner(org=world.org.pk, run_on=run.run_on, run=run.pk)
    reference = signer.sign(key_of(world, run, seq).customer, seq).reference
    at = database_now()
    one = Receipt(secrets.token_hex(8), kind, reference, "", at, "", "", "{}")
    return receipts.apply(sender or world.sender, Reports((one,), (), ()), at=at)


def settled(world: World, run: Run, *, accepted: int) -> Delivery:
    """The only row of a run that is over: the books agree, nothing waits, the carrier accepted it so often."""
    run = drive(world, run)
    assert run.status in {Run.Status.COMPLETED, Run.Status.STOPPED}
    assert sum(world.accepted(run).values()) == accepted
    with org_context(world.org.pk):
        assert list(verify.verify_run(run)) == []
        assert not Retry.objects.for_org(world.org).filter(run_id=run.pk).exists()
        assert not ParkedReceipt.objects.for_org(world.org).exists()
        return Delivery.objects.for_org(world.org).get(run_id=run.pk)
