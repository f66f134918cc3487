"""The first tenant: an American grocer, with a year of real bills and the mailings that its customers got.

Real: households with their demographics, stores, products, bills, mailings with their dates, targets and coupons. Made
up: names, contacts, consent, where the stores are, loyalty tiers, what the messages say; and what became of them, by
sending them through the real engine to the sandbox carrier.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, time
from typing import Final

from audiences.models import Attribute
from engage.local.demo import brands, northline_mailings, past, people, showcase, tenants
from engage.local.demo.journey import CURRENCY, ZONE, Household, Journey, household_code
from engage.local.demo.northline_mailings import NEWS, TEXTS
from engage.local.demo.people import AMERICAN, Record
from engage.local.demo.steps import Meter, Step
from engage.local.demo.tenants import Tenant
from engage.orgs.tenancy import org_context

SLUG: Final = "northline"
UNITS: Final = {"north": "Northline North", "south": "Northline South"}
# Zone → its unit, its name and its towns; every store gets one by its number.
ZONES: Final = {
    "lakes": ("north", "Lakes", ("Cleveland", "Toledo", "Sandusky", "Erie")),
    "heartland": ("north", "Heartland", ("Columbus", "Dayton", "Mansfield")),
    "river": ("south", "River Valley", ("Cincinnati", "Louisville", "Huntington", "Portsmouth")),
    "bluegrass": ("south", "Bluegrass", ("Lexington", "Frankfort", "Richmond")),
}
REGIONS: Final = {
    "Erie": "Pennsylvania", "Huntington": "West Virginia", "Louisville": "Kentucky", "Lexington": "Kentucky",
    "Frankfort": "Kentucky", "Richmond": "Kentucky",
}  # fmt: skip
TOWNS: Final = [(town, zone) for zone, (_, _, towns) in ZONES.items() for town in towns]
# The dollars of a year from which on a tier begins.
TIERS: Final = {"Member": 0, "Silver": 1_000, "Gold": 2_500, "Platinum": 5_000}
# The data's demographics as attributes: key → (the data's name, label).
ATTRIBUTES: Final = {
    "income": ("income", "Household income"),
    "household_size": ("household_size", "Household size"),
    "household": ("household_comp", "Household composition"),
    "children": ("kids_count", "Children"),
    "home": ("home_ownership", "Home ownership"),
    "marital_status": ("marital_status", "Marital status"),
}


def found(at: datetime) -> Tenant:
    return tenants.found(
        "Northline", slug=SLUG, name="Northline Retail", units=UNITS, at=at,
        legal_name="Northline Retail Inc.", postal_address="400 Lakeshore Avenue, Cleveland, OH 44114, USA",
        time_zone=str(ZONE), currency=CURRENCY, language="en", number_format="en", quiet_from=time(21, 0),
        quiet_until=time(9, 0), control_permille=100,
    )  # fmt: skip


def steps(tenant: Tenant) -> list[Step]:
    """Reads the whole data set, so ask for them only when there is something to do."""
    journey = Journey(tenant.today)
    files = Files(tenant, journey)
    return [
        Step("people and places", len(journey.stores) + len(journey.households), files.people),
        Step("products", journey.product_count, files.products),
        Step("bills", journey.bill_count, files.bills),
        Step("senders", 0, lambda _: _senders(tenant)),
        Step("logo and landing page", 0, lambda _: brands.northline(tenant)),
        past.step(tenant, northline_mailings.sends(journey)),
        past.figures_step(tenant),
        Step("waiting work", 0, lambda _: showcase.northline(tenant)),
    ]


def _senders(tenant: Tenant) -> None:
    with org_context(tenant.org.pk):
        tenants.sender(tenant, "email", name=NEWS, identity="news@northline.example", seed=1)
        tenants.sender(tenant, "sms", name=TEXTS, identity="NORTHLINE", seed=1)


class Files:
    """What a shop would send by file, taken in by the same door."""

    def __init__(self, tenant: Tenant, journey: Journey) -> None:
        self.tenant = tenant
        self.journey = journey

    def people(self, meter: Meter) -> None:
        with org_context(self.tenant.org.pk):
            tenants.declare(self.tenant.org, self._attributes())
        self._take("zones", _zones())
        self._take("stores", meter.through(map(_store, self.journey.stores), "stores"))
        self._take("customers", meter.through(self._customers(), "customers"))

    def products(self, meter: Meter) -> None:
        self._take("products", meter.through(self.journey.products(), "products"))

    def bills(self, meter: Meter) -> None:
        self._take("transactions", meter.through(self.journey.bills(), "transactions"))

    def _attributes(self) -> Iterator[Attribute]:
        for key, (name, label) in ATTRIBUTES.items():
            known = {
                household.facts[name] for household in self.journey.households if name in household.facts
            }
            yield Attribute(
                org=self.tenant.org, key=key, label=label, type=Attribute.Type.CHOICE, choices=sorted(known)
            )

    def _take(self, kind: str, records: Iterator[Record]) -> None:
        tenants.take(self.tenant, kind, records)

    def _customers(self) -> Iterator[Record]:
        today, before = self.tenant.today, self.journey.first_day
        for household in self.journey.households:
            record = people.person(AMERICAN, household.number, seed=SLUG, before=before)
            town, _ = _place(household.home_store)
            dollars = household.spent_cents // 100
            record |= {
                "external_id": household_code(household.number),
                "birth_date": people.born(household.age, household.number, today=today),
                "language": "en",
                "country": "US",
                "city": town,
                "region": REGIONS.get(town, "Ohio"),
                "home_store": household.home_store,
                "loyalty_member": dollars >= 200,
                "tier": people.tier(dollars, TIERS) if dollars >= 200 else None,
                "points": dollars % 1_000,
            }
            yield record | _facts(household)


def _facts(household: Household) -> dict[str, str]:
    facts = household.facts
    return {f"attribute.{key}": facts[name] for key, (name, _) in ATTRIBUTES.items() if name in facts}


def _zones() -> Iterator[Record]:
    yield from ({"code": code, "name": name.removeprefix("Northline ")} for code, name in UNITS.items())
    yield from ({"code": code, "name": name, "parent": unit} for code, (unit, name, _) in ZONES.items())


def _place(store: str) -> tuple[str, str]:
    """Town and zone of a store."""
    return TOWNS[int(store) % len(TOWNS)]


def _store(number: str) -> Record:
    town, zone = _place(number)
    unit = ZONES[zone][0]
    return {
        "code": number, "name": f"{town} {number}", "zone": zone, "unit": unit, "city": town, "country": "US",
    }  # fmt: skip
