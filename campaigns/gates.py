"""The parameters of the gates before hand-over: the approved body and the live settings, the stricter of both."""

from __future__ import annotations

from datetime import time
from typing import Any
from zoneinfo import ZoneInfo

from audiences import reachability
from campaigns import throttle
from campaigns.body import Body
from campaigns.quiet import Quiet
from engage.orgs.models import OrgSettings


def parameters(body: Body, settings: OrgSettings) -> dict[str, Any]:
    """For the fragments of `audiences.reachability`. Unset consent counts as yes only where both say so."""
    found = reachability.parameters(settings, body.channel, body.message_class)
    if body.unset_consent != "yes":
        found["unset"] = body.unset_consent
    return found


def quiet_rules(body: Body, settings: OrgSettings) -> tuple[Quiet, ...]:
    """The hours in which nothing of this message goes: quiet hours, of which the service class knows none (C-16), and
    what its throttle leaves out of the day (C-41).
    """
    closed = throttle.closed_hours(body)
    if body.message_class != "promotional":
        return closed
    approved = Quiet(
        time.fromisoformat(body.quiet_from), time.fromisoformat(body.quiet_until), ZoneInfo(body.org_zone)
    )
    return (approved, Quiet(settings.quiet_from, settings.quiet_until, settings.zone), *closed)
