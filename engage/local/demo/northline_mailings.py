"""The grocer's most recent mailings as campaigns: dates, people and products are the data's, the words ours."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import time, timedelta
from typing import Final

from audiences.keys import folded
from campaigns.models import Objective
from conversions.goals import Question
from engage.local.demo import content
from engage.local.demo.content import NORTHLINE
from engage.local.demo.journey import Journey, Mailing
from engage.local.demo.past import Past, Send

WINDOW_DAYS: Final = 14
NEWS, TEXTS = "Northline News", "Northline texts"


@dataclass(frozen=True)
class Again:
    """A further message of the same campaign, some days after its start."""

    days: int
    channel: str
    title: str
    words: str


@dataclass(frozen=True)
class Words:
    """How one mailing is told. `unit` owns it; None: the whole organisation."""

    name: str
    subject: str
    headline: str
    text: str
    hour: int = 10
    again: tuple[Again, ...] = field(default=())
    unit: str | None = None


_BOOK: Final = (
    "Your savings book is in the mail, with coupons for more than thirty aisles. These are the ones that most of our "
    "customers use first."
)
# By the data's number of the campaign.
TOLD: Final = {
    12: Words(
        "Breakfast for less", "Coupons for the breakfast table", "Good mornings cost less this month",
        "Cereal, eggs, sausage and everything you bake before nine: your coupons are ready.", hour=9,
    ),
    13: Words(
        "The big savings book, part one", "Your savings book is here", "A whole book of coupons", _BOOK,
        again=(
            Again(10, "sms", "Reminder by text", "your savings book still has coupons left. See them:"),
        ),
    ),
    14: Words(
        "Pantry and care", "Stock up on pasta, rice and shampoo", "Everyday things, at better prices",
        "Coupons for what every household runs out of. They hold until the end of the campaign, so take your time.",
    ),
    15: Words(
        "Cat food club", "Something for the cat", "Because the cat asked for it",
        "Coupons for the cat food that you buy anyway.", hour=17,
    ),
    16: Words(
        "Beauty and care days", "Beauty and care days at Northline South", "A little time for yourself",
        "Make-up and care at member prices, in our southern stores.", unit="south",
    ),
    17: Words(
        "Freezer fill-up", "Fill the freezer, save on every shelf", "Dinner, already in the freezer",
        "Pizza, breakfast and ice cream: coupons for everything that waits patiently.", hour=16,
        again=(
            Again(14, "email", "Last two weeks", "Two more weeks to use your freezer coupons"),
        ),
    ),
    18: Words(
        "The big savings book, part two", "Your new savings book is here", "The second book of coupons", _BOOK,
        again=(
            Again(10, "sms", "Reminder by text", "your new savings book still has coupons left. See them:"),
        ),
    ),
    19: Words(
        "For the youngest", "Coupons for baby food and diapers", "Small people, small prices",
        "They grow quickly. Until then, here is something off their food and diapers.", hour=11,
    ),
    20: Words(
        "Pantry and care, second round", "Your pantry coupons are back", "The pantry, filled again",
        "Pasta sauce, beans, shampoo and soap: the coupons that you asked for again.",
    ),
    21: Words(
        "Dairy and dessert", "Cheese, ice cream and a coupon for both", "Something creamy",
        "Coupons for cheese, ice cream and what goes with them.", hour=15,
    ),
    22: Words(
        "Cards and cheese boards", "Cards, cheese and juice for your guests", "Guests are coming",
        "Greeting cards, cheese and juice: coupons for a table with more chairs than usual.",
        again=(
            Again(12, "email", "Second mailing", "Still time for your guests' coupons"),
        ),
    ),
    23: Words(
        "Game day", "Snacks and drinks for game day", "Everything but the referee",
        "Snacks, soft drinks and quick dinners: your coupons for the next game.", hour=12,
    ),
}  # fmt: skip


def sends(journey: Journey) -> list[Send]:
    """Every message of the mailings that are told, up to the day before today."""
    told = [(mailing, TOLD[mailing.number]) for mailing in journey.mailings if mailing.number in TOLD]
    return [send for mailing, words in told for send in _sends(mailing, words)]


def _sends(mailing: Mailing, words: Words) -> Iterator[Send]:
    past = _past(mailing, words)
    offers = [f"{name}: coupons on your card" for name in _names(mailing)[:5]]
    mail = content.mail(
        NORTHLINE, subject=words.subject, preview=offers[0], headline=words.headline, text=words.text, offers=offers,
        path=f"coupons/{mailing.number}", closing="They hold until {{ campaign.end }}. Your store is {{ store.home | "
        'default: "the one next door" }}.',
    )  # fmt: skip
    yield Send(past, "Announcement", NEWS, "email", mail, mailing.start_on, time(words.hour))
    for again in words.again:
        day = mailing.start_on + timedelta(days=again.days)
        if again.channel == "sms":
            body = content.text(NORTHLINE, again.words, path=f"c/{mailing.number}")
            yield Send(past, again.title, TEXTS, "sms", body, day, time(11, 30))
        else:
            yield Send(past, again.title, NEWS, "email", mail | {"subject": again.words}, day, time(10, 30))


def _past(mailing: Mailing, words: Words) -> Past:
    codes = [_code(path) for path in mailing.categories]
    book = mailing.type == "A"
    return Past(
        name=words.name,
        description=f"{words.text} Mailing {mailing.number} of the data, type {mailing.type}: coupons for "
        f"{len(mailing.products):,} products, to {len(mailing.households):,} households.",
        start_on=mailing.start_on,
        end_on=mailing.end_on,
        members=mailing.households,
        goal=Question(
            [[{"field": "category", "op": "in", "value": codes}]], WINDOW_DAYS, "delivered", "last"
        ),
        objective=Objective.SALES if book else Objective.PRODUCTS,
        objective_values={} if book else {"categories": codes},
        unit=words.unit,
    )


def _names(mailing: Mailing) -> list[str]:
    return [path.rpartition(" > ")[2] for path in mailing.categories]


def _code(path: str) -> str:
    """The code that intake gives the category of a product with this path."""
    return ">".join(folded(level) for level in path.split(" > "))
