"""Which customer each row of a batch means, set-based: one COPY, then statements over the look-up tables (A-20).

Every identifier points to some customers. A row means a customer when that one is pointed to by all that point
anywhere, nobody else is, and no external id or customer number is left without its owner.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Final

from django.db import connection

from audiences.intake.staging import execute, fetch, staged
from audiences.uploads.columns import MOST_TAGS
from audiences.uploads.reading import Line

_STAGE: Final = (
    "nr int, external_id text, external_key bigint, number bigint, email_key bigint, phone_key bigint, "
    + ", ".join(f"tag_{place} text" for place in range(1, MOST_TAGS + 1))
)

# Of an address that very many share, a few owners are enough to know that it means nobody; where an id names one of
# them, that one is looked up by key.
_MATCH: Final = """
CREATE TEMPORARY TABLE matched ON COMMIT DROP AS
WITH named AS (
    SELECT incoming.nr, 'external_id' AS by, ref.customer_id
    FROM incoming_row incoming
    JOIN audiences_externalref ref
      ON ref.org_id = %(org)s AND ref.kind = 'customer' AND ref.key = incoming.external_key
     AND ref.value = incoming.external_id
    UNION ALL
    SELECT incoming.nr, 'number', customer.id
    FROM incoming_row incoming
    JOIN audiences_customer customer ON customer.org_id = %(org)s AND customer.id = incoming.number
), address AS (
    SELECT nr, 'email' AS kind, email_key AS key FROM incoming_row WHERE email_key IS NOT NULL
    UNION ALL
    SELECT nr, 'phone', phone_key FROM incoming_row WHERE phone_key IS NOT NULL
), owned AS (
    SELECT address.nr, address.kind, few.customer_id
    FROM address
    CROSS JOIN LATERAL (
        SELECT ref.customer_id FROM audiences_addressref ref
        WHERE ref.org_id = %(org)s AND ref.kind = address.kind AND ref.key = address.key LIMIT 20
    ) few
    UNION ALL
    SELECT address.nr, address.kind, ref.customer_id
    FROM named JOIN address USING (nr)
    JOIN audiences_addressref ref
      ON ref.org_id = %(org)s AND ref.kind = address.kind AND ref.key = address.key
     AND ref.customer_id = named.customer_id
), pointed AS (
    SELECT DISTINCT found.nr, found.by, coalesce(customer.merged_into, customer.id) AS customer_id
    FROM (SELECT * FROM named UNION ALL SELECT * FROM owned) found
    JOIN audiences_customer customer ON customer.org_id = %(org)s AND customer.id = found.customer_id
    WHERE %(unit)s::bigint IS NULL OR EXISTS (
        SELECT 1 FROM audiences_customerunit belongs
        WHERE belongs.org_id = %(org)s AND belongs.unit_id = %(unit)s
          AND belongs.customer_id = coalesce(customer.merged_into, customer.id))
), candidate AS (
    SELECT nr, customer_id, count(*) AS pointing FROM pointed GROUP BY nr, customer_id
), judged AS (
    SELECT nr, count(DISTINCT by) AS pointing,
           count(DISTINCT by) FILTER (WHERE by IN ('external_id', 'number')) AS ids
    FROM pointed GROUP BY nr
), agreed AS (
    SELECT nr, min(customer_id) AS customer_id FROM candidate JOIN judged USING (nr, pointing)
    GROUP BY nr HAVING count(*) = 1
)
SELECT incoming.nr, agreed.customer_id, judged.nr IS NULL AS unknown
FROM incoming_row incoming
LEFT JOIN judged ON judged.nr = incoming.nr
LEFT JOIN agreed
  ON agreed.nr = incoming.nr
 AND judged.ids = (incoming.external_key IS NOT NULL)::int + (incoming.number IS NOT NULL)::int
"""
_UNMATCHED: Final = "SELECT nr, unknown FROM matched WHERE customer_id IS NULL ORDER BY nr"
_COUNT: Final = """
SELECT count(*), count(DISTINCT matched.customer_id),
       count(DISTINCT matched.customer_id) FILTER (WHERE member.customer_id IS NOT NULL)
FROM matched
LEFT JOIN audiences_listmember member
  ON member.org_id = %(org)s AND member.version_id = %(version)s AND member.customer_id = matched.customer_id
WHERE matched.customer_id IS NOT NULL
"""
_TAGS: Final = ", ".join(f"coalesce(incoming.tag_{place}, '')" for place in range(1, MOST_TAGS + 1))
# Of several rows for one customer the last one's tags win.
_WRITE: Final = f"""
INSERT INTO audiences_listmember (org_id, customer_id, version_id, tags)
SELECT DISTINCT ON (matched.customer_id) %(org)s, matched.customer_id, %(version)s,
       (ARRAY[{_TAGS}])[:%(tags)s]
FROM matched JOIN incoming_row incoming USING (nr)
WHERE matched.customer_id IS NOT NULL
ORDER BY matched.customer_id, matched.nr DESC
ON CONFLICT (org_id, customer_id, version_id) DO UPDATE SET tags = excluded.tags
"""


@dataclass(frozen=True)
class Written:
    """What became of a batch's matched rows: how many customers are new to the list, how many rows merged."""

    accepted: int
    merged: int


class Matches:
    """A staged batch and whom its rows mean."""

    def __init__(self, org_id: int, unit_id: int | None, lines: Sequence[Line]) -> None:
        self._org_id = org_id
        self._unit_id = unit_id
        self._lines = lines

    def look(self) -> None:
        """Find whom the rows mean; again after customers were created."""
        execute("DROP TABLE IF EXISTS matched")
        execute(_MATCH, org=self._org_id, unit=self._unit_id)

    def unmatched(self) -> list[tuple[Line, bool]]:
        """The rows that mean nobody, each with whether none of its identifiers is known at all."""
        return [(self._lines[number], unknown) for number, unknown in fetch(_UNMATCHED)]

    def write(self, version_id: int, *, tags: int) -> Written:
        """Put the matched customers into the list."""
        ((rows, customers, present),) = fetch(_COUNT, org=self._org_id, version=version_id)
        if rows:
            execute(_WRITE, org=self._org_id, version=version_id, tags=tags)
        return Written(customers - present, rows - customers + present)


@contextmanager
def matching(
    org_id: int, unit_id: int | None, lines: Sequence[Line], places: Sequence[int]
) -> Iterator[Matches]:
    """Stage a batch inside its transaction and look. `places` says where each of the file's tags stands in the list."""
    with staged("incoming_row", _STAGE, (_staged(number, line, places) for number, line in enumerate(lines))):
        with connection.cursor() as cursor:
            cursor.execute("ANALYZE incoming_row")
        matches = Matches(org_id, unit_id, lines)
        matches.look()
        yield matches
        execute("DROP TABLE matched")


def _staged(number: int, line: Line, places: Sequence[int]) -> list[Any]:
    tags: list[str | None] = [None] * MOST_TAGS
    for place, value in zip(places, line.tags, strict=True):
        tags[place] = value
    ids = (line.external_id, line.external_key, line.number, line.email_key, line.phone_key)
    return [number, *ids, *tags]
