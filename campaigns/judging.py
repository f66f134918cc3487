"""The SQL that judges a message's people, one way for the freeze and for the preview of its funnel."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from audiences import reachability, selection
from campaigns import compiling, gates, merge_sql
from campaigns.body import Body
from channels import senders
from channels.models import Sender
from engage.orgs.models import Org, OrgSettings


@dataclass(frozen=True)
class Judging:
    """Fragments for `campaigns/sql`, and the parameters they name."""

    fragments: dict[str, str]
    params: dict[str, Any]

    def sql(self, text: str, **more: str) -> str:
        return text.format(**self.fragments, **more)


def judge(org: Org, body: Body, live: OrgSettings, *, at: datetime) -> Judging:
    """Who is targeted and which gate before `limit` stops whom (A-37). Raises `ContentRefused`."""
    sender = Sender.objects.for_org(org).get(pk=body.sender.id)
    facts = compiling.approved_sender(body, senders.facts(sender))
    content = compiling.compiled(body.contents[0], facts, compiling.run_facts(org, body))
    include = compiling.audience_versions(org, body, exclude=False)
    exclude = compiling.audience_versions(org, body, exclude=True)
    chosen = selection.select(org, live, include, exclude, body.unit, at)
    values, value_params = merge_sql.array(org, content.slots, include)
    return Judging(
        {
            "selection": chosen.sql,
            "joins": reachability.JOINS,
            "reason": reachability.REASON,
            "values": values,
            "problem": _problem(content.slots, content.required),
        },
        {
            **chosen.params,
            **value_params,
            **gates.parameters(body, live),
            "zone": body.org_zone,
            "split": split_key(body),
            "control_permille": body.control_permille,
            "one_send_per_address": bool(body.one_send_per_address),
        },
    )


def split_key(body: Body) -> str:
    """What the group of a customer is drawn from, besides their number: the same in every run of a campaign (A-40)."""
    return str(body.campaign) if body.split == "campaign" else body.split


def _problem(slots: tuple[str, ...], required: tuple[str, ...]) -> str:
    """A person without a value that the content cannot do without (H-07)."""
    missing = [f"coalesce(\"values\"[{slots.index(name) + 1}], '') = ''" for name in required]
    return f"CASE WHEN {' OR '.join(missing)} THEN 'content_error' ELSE '' END" if missing else "''"
