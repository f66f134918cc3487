"""What a lane knows about its run for as long as it lives: read once, then only the standing changes (`standing`)."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from campaigns import compiling
from campaigns.body import Body
from campaigns.dispatch.ledger import FIRST_OUTCOME, RunKey
from campaigns.models import Run
from channels import registry, senders
from channels.models import Sender
from channels.protocol import Channel, Outgoing, SenderFacts
from channels.rendering import Compiled, Renderer
from channels.sms.segments import count
from channels.tokens import RunSigner
from engage.orgs.models import Org

if TYPE_CHECKING:
    from campaigns.dispatch.feed import Row


@dataclass(frozen=True)
class Work:
    """A run, ready to be handed over: its content compiled, its sender's adapter at hand."""

    key: RunKey
    body: Body
    content: Compiled
    renderer: Renderer
    channel: Channel
    channel_name: str
    per_second: int | None
    first_outcome: int

    def outgoing(self, row: Row) -> Outgoing:
        """The message of a row, as it leaves now."""
        at = int(time.time()) + self.key.clock_shift
        body, reference = self.renderer(row.customer_id, row.seq, row.address, row.values, at)
        return Outgoing(row.seq, row.address, body, reference, reference)

    @property
    def segments(self) -> Callable[[Outgoing], int] | None:
        """How many segments a text message took; None for channels without."""
        return _segments if self.channel_name == "sms" else None


def _segments(outgoing: Outgoing) -> int:
    return count(outgoing.body.decode()).segments


def _shifted(facts: SenderFacts, seconds: int) -> SenderFacts:
    """The carrier dates what it reports of a simulated run with the run's shift (decisions 27); mails carry it too."""
    return replace(facts, config={**facts.config, "clock_shift": seconds}) if seconds else facts


def load(org_id: int, run_id: int) -> Work:
    """Read a run's work. Call inside the org's context. Raises `ContentRefused` when the content does not compile."""
    org = Org.objects.get(pk=org_id)
    run = Run.objects.for_org(org_id).select_related("version").get(pk=run_id)
    body = Body.parse(run.version.body)
    sender = Sender.objects.for_org(org_id).get(pk=body.sender.id)
    facts = _shifted(compiling.approved_sender(body, senders.facts(sender)), run.clock_shift)
    content = compiling.compiled(
        body.contents[0], facts, compiling.run_facts(org, body, clock_shift=run.clock_shift)
    )
    signer = RunSigner(org=org_id, run_on=run.run_on, run=run_id, links=len(content.links))
    capabilities = registry.capabilities(facts)
    return Work(
        key=RunKey.of(run),
        body=body,
        content=content,
        renderer=content.renderer(signer),
        channel=registry.channel_for(facts),
        channel_name=body.channel,
        per_second=sender.per_second,
        first_outcome=FIRST_OUTCOME[capabilities.receipts],
    )
