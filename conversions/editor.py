"""The goal form (G-06, G-09, G-10): rows that may be unfinished, buttons that change them, and the way to a question.

Works without JavaScript: every button posts the whole form, which comes back changed. Nothing typed is lost.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal, InvalidOperation
from typing import Any, Final

from babel.numbers import get_currency_precision

from audiences.models import Category, Product, Store, Zone
from conversions import conditions
from conversions.conditions import FIELDS, BadCondition, Field
from conversions.goals import Question
from conversions.models import Goal
from engage.orgs import formatting
from engage.orgs.models import OrgSettings, OrgUnit
from engage.orgs.tenancy import OwnedQuerySet

PRESETS: Final = (15, 30, 45)
WEEKDAYS: Final = {
    1: "Monday",
    2: "Tuesday",
    3: "Wednesday",
    4: "Thursday",
    5: "Friday",
    6: "Saturday",
    7: "Sunday",
}
_CODES: Final[dict[str, type[Any]]] = {
    "store": Store, "zone": Zone, "unit": OrgUnit, "category": Category, "item": Product,
}  # fmt: skip
SUGGESTED: Final = 200


@dataclass
class Row:
    """One condition as typed."""

    field: str = ""
    op: str = ""
    exclude: bool = False
    value: str = ""
    high: str = ""
    key: str = ""
    problem: str = ""
    fresh: bool = False

    @property
    def chosen(self) -> Field | None:
        return FIELDS.get(self.field)

    @property
    def operator(self) -> conditions.Operator | None:
        found = self.chosen
        if found is None:
            return None
        return next((operator for operator in found.operators if operator.key == self.op), found.operators[0])


@dataclass
class Editor:
    """The whole form. `groups` holds rows; `problems` what stops it, for the summary at its top."""

    settings: OrgSettings
    groups: list[list[Row]] = field(default_factory=list)
    window_days: str = "15"
    anchor: str = Goal.Anchor.SENT
    touch: str = Goal.Touch.LAST
    revision: int = 0
    problems: list[str] = field(default_factory=list)

    @classmethod
    def of(cls, goal: Goal | None, settings: OrgSettings) -> Editor:
        if goal is None:
            return cls(settings)
        editor = cls(
            settings,
            window_days=str(goal.window_days),
            anchor=goal.anchor,
            touch=goal.touch,
            revision=goal.revision,
        )
        editor.groups = [[editor.row(condition) for condition in group] for group in goal.groups]
        return editor

    def row(self, condition: Mapping[str, Any]) -> Row:
        """A stored condition as it is typed."""
        field_ = FIELDS[condition["field"]]
        operator = field_.operator(condition["op"])
        row = Row(
            field=field_.key,
            op=operator.key,
            exclude=bool(condition.get("exclude")),
            key=str(condition.get("key", "")),
        )
        value = condition["value"]
        if operator.takes == "range":
            row.value, row.high = (self._typed(field_, one) for one in value)
        elif operator.takes == "list":
            row.value = "\n".join(self._typed(field_, one) for one in value)
        else:
            row.value = self._typed(field_, value)
        return row

    def _typed(self, field_: Field, value: Any) -> str:
        if field_.kind == "money":
            return str(Decimal(value).scaleb(-get_currency_precision(self.settings.currency)))
        return {True: "yes", False: "no"}.get(value, str(value)) if isinstance(value, bool) else str(value)

    @classmethod
    def posted(cls, post: Mapping[str, str], settings: OrgSettings) -> Editor:
        """What the form holds now. Field names are `<group>.<row>.<part>`."""
        editor = cls(
            settings,
            window_days=post.get("window_days", "15").strip(),
            anchor=post.get("anchor", ""),
            touch=post.get("touch", ""),
            revision=int(post.get("revision", "0") or 0) if post.get("revision", "0").isdigit() else 0,
        )
        for number in range(conditions.MAX_GROUPS):
            if f"{number}.rows" not in post:
                break
            count = min(
                int(post[f"{number}.rows"]) if post[f"{number}.rows"].isdigit() else 0,
                conditions.MAX_CONDITIONS,
            )
            editor.groups.append([_posted_row(post, f"{number}.{place}.") for place in range(count)])
        return editor

    def act(self, action: str) -> None:
        """What a button asks: `group`, `condition:<group>`, `remove:<group>:<row>`, `remove-group:<group>`."""
        verb, _, rest = action.partition(":")
        numbers = [int(part) for part in rest.split(":") if part.isdigit()]
        if verb == "group" and len(self.groups) < conditions.MAX_GROUPS:
            if self._is_finished():
                self.groups.append([Row(fresh=True)])
        elif verb == "condition" and numbers and numbers[0] < len(self.groups):
            if self._is_finished():
                self.groups[numbers[0]].append(Row(fresh=True))
        elif verb == "remove" and len(numbers) == 2 and numbers[0] < len(self.groups):
            del self.groups[numbers[0]][numbers[1] : numbers[1] + 1]
            self.groups = [group for group in self.groups if group]
        elif verb == "remove-group" and numbers and numbers[0] < len(self.groups):
            del self.groups[numbers[0]]

    def _is_finished(self) -> bool:
        """Adding with an unfinished row says what is missing instead (G-09)."""
        self.question()
        if any(row.problem for group in self.groups for row in group):
            self.problems = ["Finish this condition before you add another: see the line in red."]
            return False
        self.problems = []
        return True

    def question(self) -> Question | None:
        """What the form asks, None with `problems` set where something is missing or wrong."""
        self.problems = []
        groups = [[self._condition(row) for row in group] for group in self.groups]
        days = int(self.window_days) if self.window_days.isdigit() else 0
        if not 1 <= days <= 90:
            self.problems.append("The window is 1 to 90 whole days.")
        if self.anchor not in Goal.Anchor.values:
            self.problems.append("Choose what the window begins with.")
        if self.touch not in Goal.Touch.values:
            self.problems.append("Choose first or last touch.")
        if self.problems:
            return None
        return Question([[c for c in group if c] for group in groups], days, self.anchor, self.touch)

    def _condition(self, row: Row) -> dict[str, Any] | None:
        try:
            condition = self._read(row)
            conditions.clean([[condition]])
        except BadCondition as bad:
            row.problem = str(bad).removeprefix("Group 1, condition 1: ").rstrip(".")
            row.problem = row.problem[:1].upper() + row.problem[1:] + "."
            self.problems.append(row.problem)
            return None
        return condition

    def _read(self, row: Row) -> dict[str, Any]:
        field_, operator = row.chosen, row.operator
        if field_ is None or operator is None:
            raise BadCondition("choose a field")
        condition: dict[str, Any] = {"field": field_.key, "op": operator.key}
        if operator.takes == "range":
            condition["value"] = [self._value(field_, row.value), self._value(field_, row.high)]
        elif operator.takes == "list":
            parts = [part.strip() for part in row.value.replace(",", "\n").splitlines() if part.strip()]
            condition["value"] = [self._value(field_, part) for part in parts]
        else:
            condition["value"] = self._value(field_, row.value)
        self._refuse_unknown(field_, condition["value"])
        if row.exclude:
            condition["exclude"] = True
        if field_.keyed:
            condition["key"] = row.key.strip()
        return condition

    def _value(self, field_: Field, typed: str) -> Any:
        text = typed.strip()
        if field_.kind in {"money", "number", "weekday"}:
            places = get_currency_precision(self.settings.currency) if field_.kind == "money" else 0
            try:
                number = Decimal(text.replace(" ", "").replace(",", "")).scaleb(places)
            except InvalidOperation:
                raise BadCondition("needs a number") from None
            if not number.is_finite() or number != int(number):
                raise BadCondition(
                    f"needs a number with at most {places} decimals" if places else "needs a whole number"
                )
            return int(number)
        if field_.kind == "yes_no":
            return text == "yes"
        return text

    def _refuse_unknown(self, field_: Field, value: Any) -> None:
        model = _CODES.get(field_.kind)
        if model is None:
            return
        wanted = set(value if isinstance(value, list) else [value])
        rows: OwnedQuerySet[Any] = model.objects.for_org(self.settings.org_id)
        known = set(rows.filter(code__in=wanted).values_list("code", flat=True))
        if unknown := sorted(wanted - known - {""}):
            raise BadCondition(f"not known: {', '.join(unknown[:10])}")

    def suggestions(self) -> dict[str, list[tuple[str, str]]]:
        """Codes and names for the fields that are in use, a few hundred at most each."""
        kinds = {row.chosen.kind for group in self.groups for row in group if row.chosen}
        return {
            kind: list(
                model.objects.for_org(self.settings.org_id)
                .order_by("code")
                .values_list("code", "name")[:SUGGESTED]
            )
            for kind, model in _CODES.items()
            if kind in kinds
        }


def _posted_row(post: Mapping[str, str], prefix: str) -> Row:
    def part(name: str) -> str:
        return post.get(prefix + name, "")[:20_000]

    return Row(
        field=part("field"),
        op=part("op"),
        exclude=part("exclude") == "1",
        value=part("value"),
        high=part("high"),
        key=part("key"),
    )


def sentence(goal: Goal, settings: OrgSettings) -> str:
    """A goal in words."""
    anchors = {"sent": "being sent", "delivered": "delivery", "opened": "an open", "clicked": "a click"}
    which = " or ".join(
        " and ".join(_words(condition, settings) for condition in group) for group in goal.groups
    )
    sale = f"makes a transaction where {which}" if which else "makes any transaction"
    days = f"{goal.window_days} day{'s' if goal.window_days != 1 else ''}"
    touch = f"The {goal.touch} touch gets the credit."
    return f"A customer converts who {sale}, within {days} of {anchors[goal.anchor]}. {touch}"


def _words(condition: Mapping[str, Any], settings: OrgSettings) -> str:
    field_ = FIELDS[condition["field"]]
    operator = field_.operator(condition["op"])
    value = condition["value"]

    def said(one: Any) -> str:
        if field_.kind == "money":
            return formatting.money(one, settings)
        if field_.kind == "weekday":
            return WEEKDAYS[one]
        return {True: "yes", False: "no"}[one] if isinstance(one, bool) else str(one)

    text = (
        f"{said(value[0])} and {said(value[1])}"
        if operator.takes == "range"
        else ", ".join(said(one) for one in value)
        if operator.takes == "list"
        else said(value)
    )
    name = f"{field_.label.lower()} “{condition['key']}”" if field_.keyed else field_.label.lower()
    words = f"{name} {operator.label} {text}"
    return f"not ({words})" if condition.get("exclude") else words
