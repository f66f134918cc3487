"""What an intake knows of its org while it runs: settings, declared attributes, units, and the codes it met."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date, datetime, timedelta
from functools import cached_property
from typing import Final

from babel.numbers import get_currency_precision

from audiences.contacts import region_of
from audiences.intake import values
from audiences.intake.staging import fetch
from audiences.intake.values import Reader
from audiences.models import Attribute
from engage.orgs.models import OrgSettings, OrgUnit, User

# Codes are remembered to this many, then forgotten: memory stays flat however large the file.
REMEMBERED: Final = 100_000
FUTURE_SLACK: Final = timedelta(hours=24)
OLDEST: Final = timedelta(days=15 * 365)


class Codes:
    """Code → id of stores or products, making stubs of those not known yet (A-15)."""

    def __init__(self, org_id: int, find: str, make: str) -> None:
        self.org_id = org_id
        self._find = find
        self._make = make
        self._known: dict[str, int] = {}

    def resolve(self, codes: Iterable[str]) -> dict[str, int]:
        """The id of every code. Call inside the intake's transaction, after `only_one_intake`."""
        wanted = set(codes)
        missing = wanted - self._known.keys()
        if missing:
            if len(self._known) + len(missing) > REMEMBERED:
                self._known.clear()
                missing = wanted
            # Others may make a store at any time: what is there by now wins.
            for sql in (self._find, self._make, self._find):
                self._known.update(fetch(sql, org=self.org_id, codes=sorted(missing)))
                missing -= self._known.keys()
                if not missing:
                    break
        return self._known


_FIND_STORE = "SELECT code, id FROM audiences_store WHERE org_id = %(org)s AND code = ANY(%(codes)s)"
_MAKE_STORE = """
INSERT INTO audiences_store (org_id, code, name, city, country, online, stub)
SELECT %(org)s, code, code, '', '', false, true FROM unnest(%(codes)s) code
ON CONFLICT (org_id, code) DO NOTHING RETURNING code, id
"""
_FIND_PRODUCT = "SELECT code, id FROM audiences_product WHERE org_id = %(org)s AND code = ANY(%(codes)s)"
_MAKE_PRODUCT = """
INSERT INTO audiences_product (org_id, code, name, brand, attributes, stub)
SELECT %(org)s, code, '', '', '{}', true FROM unnest(%(codes)s) code
ON CONFLICT (org_id, code) DO NOTHING RETURNING code, id
"""


class Desk:
    """One intake's view of its org. `at` is when it began; each batch brings its own clock for what it writes.

    Make it inside the org's context. What reading a record needs is loaded here: records are read in another thread
    than the one that writes.
    """

    def __init__(self, settings: OrgSettings, source: str, at: datetime, by: User | None = None) -> None:
        self.settings = settings
        self.source = source
        self.at = at
        self.by = by
        self.org_id = settings.org_id
        self.region = region_of(settings)
        self.attributes = {row.key: row for row in Attribute.objects.for_org(settings.org_id)}
        self.units = dict(OrgUnit.objects.for_org(settings.org_id).values_list("code", "pk"))
        self.months: set[date] = set()

    @cached_property
    def stores(self) -> Codes:
        return Codes(self.org_id, _FIND_STORE, _MAKE_STORE)

    @cached_property
    def products(self) -> Codes:
        return Codes(self.org_id, _FIND_PRODUCT, _MAKE_PRODUCT)

    @cached_property
    def money(self) -> Reader:
        return values.scaled(get_currency_precision(self.settings.currency), what="amount")

    @cached_property
    def instant(self) -> Reader:
        return values.instant(self.settings.zone)

    @cached_property
    def said(self) -> Reader:
        """Of what somebody said: a date ahead would win against everything said meanwhile."""
        return values.past(self.instant, self.at, slack=FUTURE_SLACK, oldest=4 * OLDEST)

    @cached_property
    def recent(self) -> Reader:
        """Of things that happened: not over 24 hours ahead (A-15), and not before anybody's reports reach."""
        return values.past(self.instant, self.at, slack=FUTURE_SLACK, oldest=OLDEST)
