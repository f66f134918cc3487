"""Random trees over every field of the catalogue, as their stored JSON."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any

from hypothesis import strategies as st

from tests.audiences.segments.world import CATEGORIES, COUPONS, MODES, PRODUCTS, STORES, ZONES

Draw = st.SearchStrategy[Any]
Asked = st.SearchStrategy[dict[str, Any]]
DAY = date(2027, 2, 28)

amounts = st.fixed_dictionaries(
    {"n": st.sampled_from([1, 2, 6, 7, 8, 30]), "unit": st.sampled_from(["day", "week", "month"])}
)
days = st.integers(-70, 40).map(lambda away: (DAY + timedelta(days=away)).isoformat())
ranges_of_days = st.tuples(days, days).map(lambda pair: {"from": min(pair), "to": max(pair)})


def one_of_each(choices: dict[str, Draw]) -> Asked:
    """`{"op": key, "value": …}` for one of the operators; a value of None is left out."""
    return st.one_of(
        [
            values.map(lambda value, op=op: {"op": op} | ({} if value is None else {"value": value}))
            for op, values in choices.items()
        ]
    )


BLANKS: dict[str, Draw] = {"blank": st.none(), "not_blank": st.none()}
MODES_OF_DATE: dict[str, Draw] = {
    "before": days,
    "after": days,
    "between": ranges_of_days,
    "last": amounts,
    "next": amounts,
    "current": st.sampled_from(["day", "week", "month"]).map(lambda unit: {"unit": unit}),
    "around": st.fixed_dictionaries(
        {
            "last": st.integers(1, 9),
            "next": st.integers(1, 9),
            "unit": st.sampled_from(["day", "week", "month"]),
        }
    ),
    "exactly_ago": amounts,
    "exactly_ahead": amounts,
}


def numbers(values: Draw, *, blank: bool = False) -> Asked:
    def ends(pair: tuple[Any, Any]) -> dict[str, Any]:
        low, high = sorted(pair, key=float)
        return {"from": low, "to": high}

    single = dict.fromkeys(("gte", "lte", "eq", "gt", "lt", "ne"), values)
    return one_of_each(single | {"between": st.tuples(values, values).map(ends)} | (BLANKS if blank else {}))


def choices(values: list[Any], *, blank: bool = True) -> Asked:
    many = st.lists(st.sampled_from(values), min_size=1, max_size=3, unique=True)
    return one_of_each({"any_of": many, "none_of": many} | (BLANKS if blank else {}))


def texts(values: list[str], *, blank: bool = True) -> Asked:
    one = st.sampled_from(values)
    single = dict.fromkeys(("is", "is_not", "contains", "starts", "ends"), one)
    many = {"in_list": st.lists(one, min_size=1, max_size=3)}
    return one_of_each(single | many | (BLANKS if blank else {}))


dates = one_of_each(MODES_OF_DATE | BLANKS | {"any_time": st.none()})
did = one_of_each({"did": st.none(), "did_not": st.none()})
counts = numbers(st.integers(0, 3))
money = st.sampled_from([0, 100, 2500, 5000, 10_000, 60_000])
sometimes_when = st.none() | one_of_each(MODES_OF_DATE)
few_dates = {mode: MODES_OF_DATE[mode] for mode in ("before", "after", "between", "last", "next", "current")}

PRODUCT_FACETS = {
    "product": choices([*PRODUCTS, "GONE"], blank=False),
    "category": choices([*CATEGORIES, "GONE"], blank=False),
    "brand": choices(["Acme", "Zest", "Gone"], blank=False),
}
FACETS = {
    "store": choices([*STORES, "GONE"], blank=False),
    "zone": choices([*ZONES, "GONE"], blank=False),
    "unit": choices(["u1", "u2"], blank=False),
    "source": choices(["till", "Web", "Post"], blank=False),
    "payment_mode": choices([*MODES, "cash"], blank=False),
    "weekday": choices([str(day) for day in range(1, 8)], blank=False),
    "hour": numbers(st.integers(0, 23)),
    "bill_amount": numbers(money),
    "coupon": choices([*COUPONS, "none"], blank=False),
} | PRODUCT_FACETS

SIMPLE: dict[str, Asked] = {
    "gender": choices(["female", "male", "other"]),
    "age": numbers(st.sampled_from([0, 17, 22, 23, 30, 31, 38, 39, 60]), blank=True),
    "birthday": dates,
    "anniversary": dates,
    "language": choices(["en", "hi", "de"]),
    "country": choices(["IN", "DE", "FR"]),
    "region": texts(["goa", "Maharashtra", "a"]),
    "city": texts(["Pune", " pune ", "p", "ŁÓDŹ", "camp", "são", "umba"]),
    "time_zone": texts(["Asia/Kolkata", "europe", "berlin"]),
    "unit": choices(["u1", "u2"]),
    "home_store": choices([*STORES, "GONE"]),
    "home_zone": choices([*ZONES, "GONE"]),
    "registered_at": dates,
    "external_id": texts(["c-001", "C-01", "7", "C-"], blank=False),
    "email": texts(["ASHA@example.com", "example.com", "user", "ravi@"]),
    "mobile": texts(["+9198", "+91 98-00000003", "3"]),
    "attribute:note": texts(["likes blue", "vip", "likes", "red"]),
    "attribute:score": numbers(st.sampled_from([-1, "-0.5", 0, "0.5", "1.5"]), blank=True),
    "attribute:joined": dates,
    "attribute:seen": dates,
    "attribute:vip": choices(["true", "false"]),
    "attribute:size": choices(["Small", "Large"]),
    "first_at": dates,
    "first_store": choices([*STORES]),
    "first_amount": numbers(money, blank=True),
    "first_days": numbers(st.sampled_from([0, 1, 7, 30]), blank=True),
    "last_at": dates,
    "last_store": choices([*STORES]),
    "last_amount": numbers(money, blank=True),
    "last_days": numbers(st.sampled_from([0, 1, 7, 30]), blank=True),
}
OVER_BILLS: dict[str, Asked] = {
    "transacted": did,
    "transactions": counts,
    "visits": counts,
    "amount": numbers(money),
    "average_bill": numbers(money, blank=True),
    "items_per_bill": numbers(st.sampled_from([0, 1, "1.5", "1.333", 2]), blank=True),
}
OVER_LINES: dict[str, Asked] = {
    "bought": did,
    "bought_times": counts,
    "bought_quantity": numbers(st.sampled_from([0, "0.5", 1, 2, 4])),
    "bought_amount": numbers(money),
}
RETURNS: dict[str, Asked] = {"returned": counts, "returned_amount": numbers(money)}
CHANNELS: dict[str, Asked] = {
    "contact": did,
    "reachability": choices(
        ["unavailable", "invalid", "unsubscribed", "subscribed", "valid", "unverified"], blank=False
    ),
    "subscription": choices(["yes", "no", "unset"], blank=False),
}
CONTACT_FACETS = {
    "campaign": choices([1, 2, 3], blank=False),
    "message": choices([11, 12, 21, 22], blank=False),
    "channel": choices(["email", "sms"], blank=False),
}
CONTACT: dict[str, Asked] = dict.fromkeys(("was_sent", "was_delivered", "opened", "clicked"), did)
# What counts rows has facets and dates: its fields with their facets.
COUNTED = [(OVER_BILLS, FACETS), (OVER_LINES, PRODUCT_FACETS), (RETURNS, {}), (CONTACT, CONTACT_FACETS)]
FIELDS = {*SIMPLE, *CHANNELS, *(key for fields, _facets in COUNTED for key in fields), "audience"}


@st.composite
def conditions(draw: st.DrawFn, lists: tuple[int, ...], key: str = "") -> dict[str, Any]:
    """A condition on one field, or on any."""
    key = key or draw(st.sampled_from(sorted(FIELDS)))
    asked: dict[str, Any] = {"field": key, "exclude": draw(st.integers(0, 1))}
    if key in SIMPLE:
        return asked | draw(SIMPLE[key])
    if key == "audience":
        return asked | draw(choices(list(lists), blank=False))
    if key in CHANNELS:
        return asked | draw(CHANNELS[key]) | draw(_of_channel(key))
    fields, facets = next((fields, facets) for fields, facets in COUNTED if key in fields)
    asked |= draw(fields[key])
    names = draw(st.lists(st.sampled_from(sorted(facets)), max_size=2, unique=True)) if facets else []
    if names:
        asked["where"] = {name: draw(facets[name]) for name in names}
    when = draw(sometimes_when)
    return asked if when is None else asked | {"when": when}


@st.composite
def _of_channel(draw: st.DrawFn, key: str) -> dict[str, Any]:
    where = {"channel": {"op": "any_of", "value": [draw(st.sampled_from(["email", "sms"]))]}}
    if key != "contact":
        where["class"] = {"op": "any_of", "value": [draw(st.sampled_from(["promotional", "service"]))]}
    when = draw(st.none() | one_of_each(few_dates)) if key == "subscription" else None
    return {"where": where} if when is None else {"where": where, "when": when}


def groups(lists: tuple[int, ...]) -> Asked:
    """Groups up to five deep."""
    group = _group(conditions(lists))
    for _level in range(4):
        group = _group(conditions(lists) | group)
    return group


def _group(items: Draw) -> Asked:
    return st.fixed_dictionaries(
        {
            "match": st.sampled_from(["all", "any"]),
            "exclude": st.integers(0, 1),
            "items": st.lists(items, min_size=1, max_size=3),
        }
    )


def trees(lists: tuple[int, ...]) -> Asked:
    base = st.fixed_dictionaries(
        {
            "unit": st.sampled_from([None, None, "u1"]),
            "audiences": st.lists(st.sampled_from(lists), max_size=2, unique=True),
            "loyalty": st.sampled_from(["both", "both", "members", "non_members"]),
        }
    )
    blocks = st.lists(groups(lists), max_size=2)
    return st.fixed_dictionaries({"version": st.just(1), "base": base, "blocks": blocks})
