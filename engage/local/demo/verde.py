"""The second tenant: a Spanish fashion chain. Made up, the same at every load; another zone and currency."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import date, datetime, time, timedelta
from random import Random
from typing import Final

from campaigns.models import Objective
from conversions.goals import Question
from engage.local.demo import brands, content, past, people, showcase, tenants
from engage.local.demo.content import VERDE
from engage.local.demo.past import Past, Send
from engage.local.demo.people import SPANISH, Record
from engage.local.demo.steps import Meter, Step
from engage.local.demo.tenants import Tenant
from engage.orgs.tenancy import org_context

SLUG: Final = "verde"
NEWS: Final = "Verde Moda"
CUSTOMERS: Final = 600
BILLS: Final = 4_000
RETURNED: Final = 0.06
STORES: Final = (
    ("MAD1", "Gran Vía", "Madrid", "centro"),
    ("MAD2", "Serrano", "Madrid", "centro"),
    ("TOL1", "Zocodover", "Toledo", "centro"),
    ("BCN1", "Passeig de Gràcia", "Barcelona", "levante"),
    ("BCN2", "Diagonal", "Barcelona", "levante"),
    ("VLC1", "Colón", "Valencia", "levante"),
    ("SVQ1", "Sierpes", "Sevilla", "sur"),
    ("AGP1", "Larios", "Málaga", "sur"),
)
ZONES: Final = {"centro": "Centro", "levante": "Levante", "sur": "Sur"}
# Category → (what is in it, prices in euros).
CATALOGUE: Final = {
    "Mujer > Vestidos": (
        ("Vestido de lino", "Vestido camisero", "Vestido de punto", "Vestido largo"),
        (39, 89),
    ),
    "Mujer > Camisas": (("Camisa de algodón", "Blusa de seda", "Camisa de rayas"), (25, 59)),
    "Mujer > Pantalones": (("Pantalón ancho", "Vaquero recto", "Pantalón de pinzas"), (29, 69)),
    "Hombre > Camisas": (("Camisa Oxford", "Camisa de lino", "Polo de piqué"), (25, 55)),
    "Hombre > Pantalones": (("Chino", "Vaquero", "Pantalón de lino"), (35, 75)),
    "Accesorios > Bolsos": (("Bolso de piel", "Bolso de mimbre", "Mochila"), (29, 119)),
    "Accesorios > Calzado": (("Alpargatas", "Sandalias", "Botines"), (29, 99)),
}
COLOURS: Final = ("blanco", "negro", "verde", "arena", "terracota")


def found(at: datetime) -> Tenant:
    return tenants.found(
        "Verde", slug=SLUG, name="Verde Moda", units={}, at=at, legal_name="Verde Moda, S.L.",
        postal_address="Calle Mayor 12, 28013 Madrid, España", time_zone="Europe/Madrid", currency="EUR", language="es",
        number_format="eu", week_start=0, quiet_from=time(22, 0), quiet_until=time(9, 30), control_permille=100,
    )  # fmt: skip


def steps(tenant: Tenant) -> list[Step]:
    shop = Shop(tenant.today)
    return [
        Step("people and places", CUSTOMERS, lambda meter: _take_people(tenant, shop, meter)),
        Step("bills", BILLS, lambda meter: _take_bills(tenant, shop, meter)),
        Step("senders", 0, lambda _: _senders(tenant)),
        Step("logo and landing page", 0, lambda _: brands.verde(tenant)),
        past.step(tenant, _sends(shop)),
        past.figures_step(tenant),
        Step("waiting work", 0, lambda _: showcase.verde(tenant)),
    ]


def _take_people(tenant: Tenant, shop: Shop, meter: Meter) -> None:
    _take(tenant, "zones", ({"code": code, "name": name} for code, name in ZONES.items()))
    _take(tenant, "stores", shop.stores())
    _take(tenant, "products", shop.products())
    _take(tenant, "customers", meter.through(shop.customers(), "customers"))


def _take_bills(tenant: Tenant, shop: Shop, meter: Meter) -> None:
    _take(tenant, "transactions", meter.through(shop.bills(), "transactions"))


def _take(tenant: Tenant, kind: str, records: Iterable[Record]) -> None:
    tenants.take(tenant, kind, records)


def _senders(tenant: Tenant) -> None:
    with org_context(tenant.org.pk):
        tenants.sender(tenant, "email", name=NEWS, identity="hola@verde.example", seed=34)


class Shop:
    """A year of the chain, ending the day before `today`."""

    def __init__(self, today: date) -> None:
        self.today = today
        self.first = today - timedelta(days=365)
        self._goods = list(_goods())

    def stores(self) -> Iterator[Record]:
        for code, street, city, zone in STORES:
            yield {"code": code, "name": f"{city} {street}", "zone": zone, "city": city, "country": "ES"}

    def products(self) -> Iterator[Record]:
        for code, name, category, _ in self._goods:
            yield {"code": code, "name": name, "brand": "Verde", "category": category}

    def customers(self) -> Iterator[Record]:
        for number in range(1, CUSTOMERS + 1):
            home = STORES[_home(number)]
            yield people.person(SPANISH, number, seed=SLUG, before=self.first) | {
                "external_id": code_of(number),
                "language": "es",
                "country": "ES",
                "city": home[2],
                "home_store": home[0],
                "loyalty_member": number % 3 != 0,
            }

    def bills(self) -> Iterator[Record]:
        """Sales, and after each sale that was given back its return."""
        for number in range(1, BILLS + 1):
            chance = Random(f"{SLUG}:bill:{number}")
            day = self.first + timedelta(days=chance.randrange(365))
            sale = self._sale(number, day, chance)
            yield sale
            left = (self.today - day).days - 1
            if left > 1 and chance.random() < RETURNED:
                back = day + timedelta(days=chance.randint(1, min(left, 20)))
                yield _return(sale, back, chance)

    def _sale(self, number: int, day: date, chance: Random) -> Record:
        # Some people come often: the square of an even chance prefers low numbers.
        customer = 1 + int(CUSTOMERS * chance.random() ** 2)
        home = _home(customer) if chance.random() < 0.8 else chance.randrange(len(STORES))
        lines = [_line(item, price) for item, _, _, price in chance.sample(self._goods, chance.randint(1, 4))]
        gross = sum(int(line["price"]) for line in lines)
        percent = chance.choice((0, 0, 0, 10, 20))
        for line in lines:
            line["amount"] = _euros(int(line["price"]) * (100 - percent))
        return {
            "external_id": f"V-{number:05d}",
            "customer": code_of(customer),
            "at": _at(day, chance),
            "store": STORES[home][0],
            "gross": _euros(gross * 100),
            "discount": _euros(gross * percent),
            "tax": _euros(round(gross * (100 - percent) * 21 / 121)),
            "net": _euros(gross * (100 - percent)),
            "currency": "EUR",
            "source": "tienda",
            "payment_modes": [chance.choice(("tarjeta", "efectivo", "bizum"))],
            "lines": lines,
        }

    def members(self, seed: str, share: float) -> list[str]:
        chance = Random(f"{SLUG}:{seed}")
        return [code_of(number) for number in range(1, CUSTOMERS + 1) if chance.random() < share]


def _goods() -> Iterator[tuple[str, str, str, int]]:
    """Code, name, category and price in euros of everything there is."""
    for row, (category, (names, (low, high))) in enumerate(CATALOGUE.items()):
        for place, name in enumerate(names):
            for colour in COLOURS:
                price = low + (place * 7 + len(colour) * 3) % (high - low)
                yield f"{row}{place}-{colour[:3].upper()}", f"{name}, {colour}", category, price


def _line(item: str, price: int) -> Record:
    return {"item": item, "quantity": "1", "price": str(price), "amount": ""}


def _return(sale: Record, day: date, chance: Random) -> Record:
    """All of it, or its first line."""
    lines = sale["lines"] if chance.random() < 0.6 else sale["lines"][:1]
    net = sum(_cents(line["amount"]) for line in lines)
    return {
        "external_id": f"{sale['external_id']}-D",
        "customer": sale["customer"],
        "at": _at(day, chance),
        "kind": "return",
        "returns": sale["external_id"],
        "store": sale["store"],
        "net": _euros(net),
        "currency": "EUR",
        "source": "tienda",
        "lines": lines,
    }


def code_of(number: int) -> str:
    return f"C{number:04d}"


def _home(customer: int) -> int:
    return customer * 7 % len(STORES)


def _at(day: date, chance: Random) -> str:
    return f"{day.isoformat()}T{chance.randint(10, 20):02d}:{chance.randint(0, 59):02d}:{chance.randint(0, 59):02d}"


def _euros(cents: int) -> str:
    return f"{cents // 100}.{cents % 100:02d}"


def _cents(euros: str) -> int:
    whole, _, part = euros.partition(".")
    return int(whole) * 100 + int(part)


def _sends(shop: Shop) -> list[Send]:
    """Two mailings, to a part of the customers each."""
    told = (
        ("Rebajas", "Hasta el 20 % en toda la tienda", "Rebajas", 76, 20, 0.7, Objective.SALES),
        (
            "Semana del lino",
            "El lino, más fresco que nunca",
            "Semana del lino",
            27,
            25,
            0.5,
            Objective.RETENTION,
        ),
    )
    sends = []
    for name, subject, headline, ago, days, share, objective in told:
        start_on = shop.today - timedelta(days=ago)
        mail = content.mail(
            VERDE, subject=subject, preview=headline, headline=headline, text="Te esperamos en tu tienda.",
            offers=["Vestidos", "Camisas", "Accesorios"], path="rebajas",
            closing='Tu tienda: {{ store.home | default: "la más cercana" }}. Hasta el {{ campaign.end }}.',
        )  # fmt: skip
        campaign = Past(
            name=name,
            description=subject,
            start_on=start_on,
            end_on=start_on + timedelta(days=days),
            members=shop.members(name, share),
            goal=Question([], 15, "delivered", "last"),
            objective=objective,
        )
        sends.append(Send(campaign, "Anuncio", NEWS, "email", mail, start_on, time(11)))
    return sends
