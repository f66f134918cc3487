"""Made-up people: names, addresses, consent. Nothing here is real; the same number is always the same person.

Addresses end in `.example`, American numbers are of the range kept for fiction, Spanish ones the first of ranges that
are given out from elsewhere: nothing should reach anybody even if it left this machine, which the sandbox carrier
does not let it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from random import Random
from typing import Any, Final
from unicodedata import combining, normalize

Record = dict[str, Any]

# Of customers: have the address; of those: malformed, shared; of all: said yes, said no.
EMAIL, PHONE = 0.93, 0.80
MALFORMED, SHARED = 0.008, 0.02
YES, NO = 0.62, 0.05
DO_NOT_DISTURB = 0.02


@dataclass(frozen=True)
class Names:
    """A country's people. `phone(n)` is the n-th made-up number there; `domains` end in `.example`."""

    female: tuple[str, ...]
    male: tuple[str, ...]
    surnames: tuple[str, ...]
    domains: tuple[str, ...]
    phone_prefixes: tuple[str, ...]
    phone_format: str
    phones_a_prefix: int

    def phone(self, number: int) -> str:
        prefix = self.phone_prefixes[number // self.phones_a_prefix % len(self.phone_prefixes)]
        return self.phone_format.format(prefix=prefix, rest=number % self.phones_a_prefix)


AMERICAN: Final = Names(
    female=(
        "Abigail", "Alice", "Amara", "Angela", "Beth", "Carla", "Chloe", "Dana", "Diane", "Elena", "Emily", "Erin",
        "Fatima", "Grace", "Hannah", "Irene", "Jasmine", "Joan", "Keisha", "Laura", "Leah", "Linda", "Maria", "Mei",
        "Monica", "Nadia", "Nora", "Olivia", "Paula", "Priya", "Rachel", "Rosa", "Sarah", "Sofia", "Tanya", "Vera",
    ),
    male=(
        "Aaron", "Adam", "Andre", "Anil", "Ben", "Caleb", "Carlos", "Daniel", "David", "Derek", "Eli", "Eric", "Felix",
        "Frank", "George", "Hassan", "Henry", "Ivan", "James", "Jorge", "Kevin", "Leo", "Liam", "Marcus", "Mark",
        "Nathan", "Omar", "Oscar", "Paul", "Peter", "Ravi", "Robert", "Sam", "Thomas", "Victor", "Wei",
    ),
    surnames=(
        "Adams", "Allen", "Baker", "Bennett", "Brooks", "Campbell", "Carter", "Chen", "Clark", "Cooper", "Cruz",
        "Davis", "Diaz", "Edwards", "Evans", "Fisher", "Foster", "Garcia", "Gray", "Green", "Hall", "Harris", "Hughes",
        "Jackson", "Johnson", "Kelly", "Khan", "Kim", "Lee", "Lewis", "Lopez", "Martin", "Miller", "Mitchell", "Moore",
        "Morgan", "Murphy", "Nguyen", "Ortiz", "Parker", "Patel", "Perez", "Phillips", "Price", "Reed", "Rivera",
        "Roberts", "Ross", "Russo", "Sanders", "Scott", "Shah", "Singh", "Smith", "Stewart", "Taylor", "Turner",
        "Walker", "Ward", "Watson", "White", "Williams", "Wilson", "Wood", "Wright", "Young",
    ),
    domains=("mail.example", "inbox.example", "post.example", "home.example"),
    phone_prefixes=(
        "202", "203", "207", "212", "215", "216", "240", "267", "276", "302", "304", "305", "315", "330", "336", "347",
        "352", "401", "404", "410", "412", "419", "434", "440", "443", "475", "484", "502", "508", "513",
    ),
    phone_format="+1{prefix}55501{rest:02d}",
    phones_a_prefix=100,
)  # fmt: skip
SPANISH: Final = Names(
    female=(
        "Ainhoa", "Alba", "Ana", "Beatriz", "Carmen", "Clara", "Cristina", "Elena", "Inés", "Irene", "Julia", "Laura",
        "Lucía", "Marta", "Nuria", "Paula", "Pilar", "Rocío", "Sara", "Silvia", "Sofía", "Teresa",
    ),
    male=(
        "Adrián", "Alejandro", "Álvaro", "Carlos", "Daniel", "Diego", "Hugo", "Iván", "Javier", "Jorge", "José",
        "Luis", "Manuel", "Marcos", "Mario", "Pablo", "Raúl", "Sergio",
    ),
    surnames=(
        "Alonso", "Blanco", "Castro", "Delgado", "Díaz", "Domínguez", "Fernández", "Gil", "Gómez", "González",
        "Gutiérrez", "Hernández", "Iglesias", "Jiménez", "Lozano", "Marín", "Martín", "Molina", "Moreno", "Muñoz",
        "Navarro", "Núñez", "Ortega", "Peña", "Prieto", "Ramos", "Romero", "Rubio", "Ruiz", "Sánchez", "Sanz", "Soler",
        "Suárez", "Torres", "Vázquez", "Vega",
    ),
    domains=("correo.example", "buzon.example", "casa.example"),
    phone_prefixes=("6000000", "6110000", "6220000", "6330000", "6440000", "6550000", "6660000", "6770000"),
    phone_format="+34{prefix}{rest:02d}",
    phones_a_prefix=100,
)  # fmt: skip


def person(names: Names, number: int, *, seed: str, before: date) -> Record:
    """The fields of customer `number` that say who they are; they registered and consented before a day."""
    chance = Random(f"{seed}:{number}")
    female = chance.random() < 0.56
    first = chance.choice(names.female if female else names.male)
    last = chance.choice(names.surnames)
    record: Record = {"first_name": first, "last_name": last}
    if chance.random() < 0.9:
        record["gender"] = "female" if female else "male"
    registered = before - timedelta(days=chance.randint(20, 1500))
    record["registered_at"] = (
        f"{registered.isoformat()}T{chance.randint(9, 20):02d}:{chance.randint(0, 59):02d}"
    )
    if chance.random() < EMAIL:
        record["email"] = _email(names, number, first, last, chance)
    if chance.random() < PHONE:
        record["phone"] = names.phone(number)
    record |= _consent(chance)
    record["consent_at"] = record["registered_at"]
    record["consent_source"] = "sign-up form"
    if chance.random() < DO_NOT_DISTURB:
        record["do_not_disturb"] = True
    return record


def _email(names: Names, number: int, first: str, last: str, chance: Random) -> str:
    """Some people mistype theirs, some households share one."""
    address = f"{_ascii(first)}.{_ascii(last)}.{number}@{chance.choice(names.domains)}"
    luck = chance.random()
    if luck < MALFORMED:
        return address.replace("@", " at ")
    if luck < MALFORMED + SHARED:
        return f"family.{number % 15}@{names.domains[0]}"
    return address


def _consent(chance: Random) -> Record:
    said: Record = {}
    for name in ("email_promotional", "sms_promotional"):
        luck = chance.random()
        if luck < YES + NO:
            said[name] = luck < YES
    return said


def _ascii(name: str) -> str:
    return "".join(letter for letter in normalize("NFKD", name.lower()) if not combining(letter))


def born(age_band: str, number: int, *, today: date) -> str | None:
    """A birthday within an age band like `45-54` or `65+`; None where the band is not known."""
    if not age_band:
        return None
    low, _, high = age_band.removesuffix("+").partition("-")
    chance = Random(f"born:{number}")
    age = chance.randint(int(low), int(high or int(low) + 17))
    day = date(today.year - age - 1, 1, 1) + timedelta(days=chance.randrange(365))
    return day.isoformat()


def tier(spent: int, limits: Mapping[str, int]) -> str:
    """The highest tier whose limit is reached; `limits` from the lowest up."""
    return [name for name, limit in limits.items() if spent >= limit][-1]
