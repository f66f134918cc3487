"""How many of an audience can be reached, channel by channel (A-25, A-46)."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from django.db import connection

from audiences import reachability, selection
from audiences.models import AudienceVersion, Channel, MessageClass
from audiences.segments.sql import rename
from engage.orgs.models import OrgSettings

# Grouped by the column's place: its name would mean `contact.state`.
_STATES: Final = f"""
SELECT {{channel}} AS channel, {reachability.STATE} AS state, count(*) AS n
FROM chosen JOIN audiences_customer customer ON customer.org_id = %(org)s AND customer.id = chosen.customer_id
{reachability.JOINS}
GROUP BY 2"""


@dataclass(frozen=True)
class Measured:
    """The size of an audience and, by channel, how many stand in each state of A-10 for promotional messages."""

    size: int
    states: dict[str, dict[str, int]]


def measure(version: AudienceVersion, settings: OrgSettings, *, at: datetime) -> Measured:
    """Count who is in a version now and how they can be reached: the choice is made once."""
    chosen = selection.select(version.org_id, settings, [version], [], None, at)
    params: dict[str, Any] = dict(chosen.params)
    parts = ["SELECT '' AS channel, '' AS state, count(*) AS n FROM chosen"]
    for channel in Channel:
        prefix = f"{channel.value}_"
        parts.append(rename(_STATES.replace("{channel}", "%(channel)s"), prefix))
        named = reachability.parameters(settings, channel, MessageClass.PROMOTIONAL)
        params |= {prefix + name: value for name, value in named.items() if name != "org"}
    sql = f"WITH chosen AS MATERIALIZED ({chosen.sql}){' UNION ALL '.join(parts)}"
    with connection.cursor() as cursor:
        cursor.execute(sql, params)
        rows = cursor.fetchall()
    states: dict[str, dict[str, int]] = {channel.value: {} for channel in Channel}
    for channel, state, n in rows:
        if channel:
            states[channel][state] = n
    return Measured(next(n for channel, _state, n in rows if not channel), states)


def reachable(states: dict[str, int]) -> int:
    """How many of them can be reached."""
    return sum(n for state, n in states.items() if state in reachability.REACHABLE)


def by_channel(version: AudienceVersion) -> list[dict[str, Any]]:
    """Each channel with its states in the order of A-10, as of the last count; empty before it."""
    return [
        {
            "channel": Channel(channel).label,
            "reachable": reachable(states),
            "states": [
                (label, states[state], state in reachability.REACHABLE)
                for state, label in reachability.LABELS.items()
                if states.get(state)
            ],
        }
        for channel, states in version.reach.items()
    ]
