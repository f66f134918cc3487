"""Writing stores and products (A-12). They are few beside customers: their rows go through the ORM.

A store or product that was a stub is complete once its own record came (A-15).
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, ClassVar, Final, Generic, TypeVar

from audiences.intake import values
from audiences.intake.answers import Answer, Rejected, Verdict
from audiences.intake.desk import Desk
from audiences.intake.fields import Field, Kind, Sheet, by_name, read_sheet
from audiences.intake.staging import fetch
from audiences.intake.units import recompute_by_purchase
from audiences.intake.values import Unfit
from audiences.keys import folded
from audiences.models import Category, Product, Store, Zone

ATTRIBUTE: Final = "attribute."
_ATTRIBUTE_NAME: Final = re.compile(r"attribute\.[a-z0-9_]{1,40}")
MOST_ATTRIBUTES: Final = 50
LEVEL: Final = ">"
LONGEST_CATEGORY: Final = 400
AT_ONCE: Final = 5_000

_BOUGHT_AT: Final = """
SELECT DISTINCT customer_id FROM audiences_transaction
WHERE org_id = %(org)s AND store_id = ANY(%(stores)s) AND kind = 'sale'
"""

M = TypeVar("M", Store, Product)
Given = dict[str, Any]


class CatalogueWriter(Generic[M]):
    """Rows by code, written when they differ. Call `write` inside the org's context, after `only_one_intake`."""

    kind: ClassVar[Kind]
    model: type[M]
    # What an empty cell stores where the column takes no NULL.
    blank: ClassVar[Mapping[str, Any]]

    def __init__(self, desk: Desk) -> None:
        self.desk = desk
        self.fields = self.known_fields()

    def known_fields(self) -> dict[str, Field]:
        raise NotImplementedError

    def read(self, sheet: Sheet) -> list[Given | Rejected]:
        return read_sheet(sheet, self.fields, "code").each(lambda _, given: given)

    def name_of(self, record: Given) -> str:
        return str(record["code"])

    def prepare(self, batch: Sequence[tuple[int, Given]]) -> None:
        """Nothing is needed before the transaction."""

    def write(self, batch: Sequence[tuple[int, Given]], at: datetime) -> list[Answer]:
        """One answer a record, in order. Several records of one code are taken one after the other."""
        codes = {given["code"] for _, given in batch}
        rows = {row.code: row for row in self.model.objects.for_org(self.desk.org_id).filter(code__in=codes)}
        changed: dict[str, M] = {}
        answers = []
        for number, given in batch:
            code = given["code"]
            try:
                columns = self.columns(given)
            except Rejected as rejected:
                answers.append(Answer.rejection(number, code, rejected))
                continue
            new = code not in rows
            if new:
                rows[code] = self.model(org_id=self.desk.org_id, code=code, **self.blank)
            row = rows[code]
            if self.put(row, columns) or new:
                changed[code] = row
                answers.append(Answer(number, code, Verdict.CREATED if new else Verdict.UPDATED))
            else:
                answers.append(Answer(number, code, Verdict.UNCHANGED))
        self.save(list(changed.values()))
        return answers

    def columns(self, given: Given) -> Given:
        """The row's columns from the record's values; look-ups happen here. Raises `Rejected`."""
        return {name: value for name, value in given.items() if name != "code"}

    def put(self, row: M, columns: Given) -> bool:
        changed = row.stub
        row.stub = False
        for name, value in columns.items():
            wanted = self.blank.get(name) if value is None else value
            if getattr(row, name) != wanted:
                setattr(row, name, wanted)
                changed = True
        return changed

    def save(self, rows: Sequence[M]) -> None:
        stored = [row for row in rows if row.pk is not None]
        self.model.objects.bulk_create([row for row in rows if row.pk is None])
        names = [field.name for field in self.model._meta.local_concrete_fields]
        if stored:
            columns = [name for name in names if name not in ("id", "org", "code")]
            self.model.objects.for_org(self.desk.org_id).bulk_update(stored, columns, batch_size=1000)


class StoreWriter(CatalogueWriter[Store]):
    kind = Kind.STORES
    model = Store
    blank = {"name": "", "city": "", "country": "", "online": False}

    def known_fields(self) -> dict[str, Field]:
        return by_name(
            Field("code", values.code(60)),
            Field("name", values.text(100)),
            Field("zone", values.code(60)),
            Field("unit", values.code(30)),
            Field("city", values.text(100)),
            Field("country", values.country),
            Field("online", values.yes_no),
        )

    def write(self, batch: Sequence[tuple[int, Given]], at: datetime) -> list[Answer]:
        wanted = {given["zone"] for _, given in batch if given.get("zone")}
        zones = Zone.objects.for_org(self.desk.org_id).filter(code__in=wanted)
        self._zones = dict(zones.values_list("code", "pk"))
        self._moved: set[int] = set()
        answers = super().write(batch, at)
        self._follow_units()
        return answers

    def columns(self, given: Given) -> Given:
        columns = super().columns(given)
        for name, known in (("zone", self._zones), ("unit", self.desk.units)):
            if name not in columns:
                continue
            code = columns.pop(name)
            if code is not None and code not in known:
                raise Rejected(f"unknown_{name}", name, f"There is no {name} with the code “{code}”.")
            columns[f"{name}_id"] = known[code] if code else None
        if columns.get("name", "") is None:
            columns["name"] = given["code"]
        return columns

    def put(self, row: Store, columns: Given) -> bool:
        if row.pk is not None and columns.get("unit_id", row.unit_id) != row.unit_id:
            self._moved.add(row.pk)
        row.name = row.name or row.code
        return super().put(row, columns)

    def _follow_units(self) -> None:
        """Customers belong to the units of the stores where they bought (T-05)."""
        if not self._moved:
            return
        customers = [row[0] for row in fetch(_BOUGHT_AT, org=self.desk.org_id, stores=list(self._moved))]
        for start in range(0, len(customers), AT_ONCE):
            recompute_by_purchase(self.desk.org_id, customers[start : start + AT_ONCE])


class _ProductFields(dict[str, Field]):
    """The fields of a product; any `attribute.name` becomes one when it is first met."""

    def __missing__(self, name: str) -> Field:
        if not _ATTRIBUTE_NAME.fullmatch(name):
            raise KeyError(name)
        self[name] = Field(name, values.text(500))
        return self[name]


class ProductWriter(CatalogueWriter[Product]):
    kind = Kind.PRODUCTS
    model = Product
    blank = {"name": "", "brand": ""}

    def __init__(self, desk: Desk) -> None:
        super().__init__(desk)
        self._categories: dict[str, Category] = {}

    def known_fields(self) -> dict[str, Field]:
        return _ProductFields(
            by_name(
                Field("code", values.code(60)),
                Field("name", values.text(200)),
                Field("brand", values.text(100)),
                Field("category", _levels),
            )
        )

    def columns(self, given: Given) -> Given:
        named = {name: value for name, value in given.items() if name.startswith(ATTRIBUTE)}
        columns = {name: value for name, value in given.items() if name not in named and name != "code"}
        if len(named) > MOST_ATTRIBUTES:
            raise Rejected("too_many", ATTRIBUTE, f"A product has at most {MOST_ATTRIBUTES} attributes.")
        if named:
            columns["attributes"] = {name[len(ATTRIBUTE) :]: value for name, value in named.items()}
        if "category" in columns:
            levels = columns.pop("category")
            columns["category_id"] = self._category(levels).pk if levels else None
        return columns

    def put(self, row: Product, columns: Given) -> bool:
        if "attributes" in columns:
            merged = {**row.attributes, **columns["attributes"]}
            columns = {
                **columns,
                "attributes": {name: value for name, value in merged.items() if value is not None},
            }
        return super().put(row, columns)

    def _category(self, levels: Sequence[str]) -> Category:
        """The category at the end of this path, made with all above it when it is new."""
        code = LEVEL.join(folded(level) for level in levels)
        found = self._categories.get(code)
        if found is None:
            parent = self._category(levels[:-1]) if len(levels) > 1 else None
            found, _ = Category.objects.for_org(self.desk.org_id).get_or_create(
                org_id=self.desk.org_id,
                code=code,
                defaults={"name": levels[-1][:120], "parent": parent, "path": f"{LEVEL}{code}{LEVEL}"},
            )
            self._categories[code] = found
        return found


def _levels(value: Any) -> tuple[str, ...]:
    """`Grocery > Frozen > Ice cream`, from the top down."""
    if type(value) is not str:
        raise Unfit("wrong_type", "This must be text.")
    values.refuse_control(value)
    levels = tuple(" ".join(level.split()) for level in value.split(LEVEL))
    if not all(levels):
        raise Unfit(
            "bad_category", "This must be a category, or several from the top down with > between them."
        )
    if len(value) > LONGEST_CATEGORY or max(map(len, levels)) > 120:
        raise Unfit("too_long", "This is longer than 400 characters, or a level is longer than 120.")
    return levels
