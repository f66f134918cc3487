"""Who uses an audience: filters that name it, and what upper apps register, as messages that hold on to it (A-45)."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from django.db import connection
from django.urls import reverse

from audiences.models import Audience
from engage.orgs.models import Org


@dataclass(frozen=True)
class Use:
    """One user of an audience. `holds`: while it stands so, the audience cannot be archived.

    `pinned` is the number of the version that it keeps to, None where it follows the current one; `move_url` takes a
    POST of `do=edit` that lets it follow again.
    """

    kind: str
    name: str
    url: str
    state: str
    tone: str = "plain"
    holds: bool = False
    pinned: int | None = None
    move_url: str = ""


Source = Callable[[Org, Sequence[int]], dict[int, list[Use]]]
_sources: list[Source] = []


def register(source: Source) -> None:
    """Add whatever uses audiences: asked for several at once, it answers by audience id."""
    _sources.append(source)


def of(org: Org, audience_ids: Iterable[int]) -> dict[int, list[Use]]:
    """Every use of each of these audiences."""
    ids = list(audience_ids)
    found: dict[int, list[Use]] = {pk: [] for pk in ids}
    for source in (_filters, *_sources):
        for pk, uses in source(org, ids).items():
            found[pk] += uses
    return found


# A stored tree names other audiences by version, in its base and in the conditions on the field "audience".
_NAMING: Final = """
SELECT named.audience_id, filter.id, filter.name
FROM audiences_audience filter
JOIN audiences_audienceversion version
  ON version.org_id = %(org)s AND version.id = filter.current_id AND version.tree IS NOT NULL
CROSS JOIN LATERAL (
    SELECT DISTINCT used.audience_id
    FROM jsonb_path_query(version.tree, 'strict $.**?(@.field == "audience").value[*]') AS pk
    JOIN audiences_audienceversion used ON used.org_id = %(org)s AND used.id = (pk #>> '{}')::bigint
    WHERE used.audience_id = ANY(%(ids)s)
    UNION
    SELECT used.audience_id
    FROM jsonb_path_query(version.tree, '$.base.audiences[*]') AS pk
    JOIN audiences_audienceversion used ON used.org_id = %(org)s AND used.id = (pk #>> '{}')::bigint
    WHERE used.audience_id = ANY(%(ids)s)
) named
WHERE filter.org_id = %(org)s AND filter.kind = 'filter' AND version.tree::text ~ 'audience'
ORDER BY filter.name
"""


def _filters(org: Org, ids: Sequence[int]) -> dict[int, list[Use]]:
    with connection.cursor() as cursor:
        cursor.execute(_NAMING, {"org": org.pk, "ids": list(ids)})
        rows = cursor.fetchall()
    uses: dict[int, list[Use]] = {}
    label = str(Audience.Kind.FILTER.label)
    for audience_id, pk, name in rows:
        url = reverse("audience", kwargs={"org": org.slug, "pk": pk})
        uses.setdefault(audience_id, []).append(Use(label, name, url, ""))
    return uses
