"""Whether a run's next window may be announced: everything that is read anew with each one."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db import connection

from campaigns import gates, quiet
from campaigns.dispatch.prepared import Statement
from campaigns.dispatch.work import Work
from engage.orgs.models import OrgSettings

_READ = Statement(
    """
SELECT clock_timestamp(), run.status, sender.status, sender.backing_off_until, sender.per_day, sender.time_zone,
       coalesce((SELECT bool_and(armed) FROM orgs_fence), true) AND settings.sending_halted_at IS NULL,
       (campaign.end_on + 1)::timestamp AT TIME ZONE settings.time_zone,
       EXISTS (SELECT FROM campaigns_retry w WHERE w.org_id = %(org)s AND w.run_id = %(run)s AND NOT w.announced
                 AND w.not_before <= now()),
       settings.time_zone, settings.quiet_from, settings.quiet_until, settings.unset_promotional, settings.unset_service
FROM campaigns_run run
JOIN campaigns_campaign campaign ON campaign.org_id = %(org)s AND campaign.id = run.campaign_id
JOIN channels_sender sender ON sender.org_id = %(org)s AND sender.id = %(sender)s
JOIN orgs_orgsettings settings ON settings.org_id = %(org)s
WHERE run.org_id = %(org)s AND run.id = %(run)s
""",
    org="bigint", run="bigint", sender="bigint",
)  # fmt: skip
_LOOK = """
SELECT run.status = 'sending' AND settings.sending_halted_at IS NULL
       AND coalesce((SELECT bool_and(armed) FROM orgs_fence), true)
FROM campaigns_run run JOIN orgs_orgsettings settings ON settings.org_id = %(org)s
WHERE run.org_id = %(org)s AND run.id = %(run)s
"""


@dataclass(frozen=True)
class Standing:
    """What the database says at one instant. `refusal` is empty when rows may be announced.

    Refusals: `halted` (not Sending), `disarmed`, `sender_down`, `campaign_ended`, `backing_off`, `quiet`. `again_in` is
    how many seconds to wait where that is known.
    """

    at: datetime
    refusal: str
    again_in: float | None
    settings: OrgSettings
    per_day: int | None
    day: str
    retries_due: bool

    @property
    def ms(self) -> int:
        return int(self.at.timestamp() * 1000)


def read(work: Work) -> Standing:
    """Call after the run's shared lock, so that the snapshot is newer than any change of state before it."""
    key = work.key
    with connection.cursor() as cursor:
        _READ.run(cursor, {"org": key.org, "run": key.run, "sender": key.sender})
        (at, status, sender, backing_off, per_day, sender_zone, armed, campaign_ends, retries, *rest) = (
            cursor.fetchone()
        )
    zone, quiet_from, quiet_until, unset_promotional, unset_service = rest
    settings = OrgSettings(
        org_id=key.org,
        time_zone=zone,
        quiet_from=quiet_from,
        quiet_until=quiet_until,
        unset_promotional=unset_promotional,
        unset_service=unset_service,
    )
    shifted = at + timedelta(seconds=key.clock_shift)
    opens_at = quiet.opens_at(shifted, *gates.quiet_rules(work.body, settings))
    refusal, again_in = "", None
    if status != "sending":
        refusal = "halted"
    elif not armed:
        refusal = "disarmed"
    elif shifted >= campaign_ends:
        refusal = "campaign_ended"
    elif sender != "active":
        refusal = "sender_down"
    elif backing_off is not None and backing_off > at:
        refusal, again_in = "backing_off", (backing_off - at).total_seconds()
    elif opens_at > shifted:
        refusal = "quiet"
    day = OrgSettings(time_zone=sender_zone or zone).today(shifted).isoformat()
    return Standing(at, refusal, again_in, settings, per_day, day, retries)


def may_go_on(org_id: int, run_id: int) -> bool:
    """The look that a lane takes between windows: is the run Sending, and sending armed?"""
    with connection.cursor() as cursor:
        cursor.execute(_LOOK, {"org": org_id, "run": run_id})
        row = cursor.fetchone()
    return bool(row and row[0])
