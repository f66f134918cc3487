"""Types of values, their operators (A-28), and how each becomes SQL.

A value is kept in one stored form: integers, strings, lists and mappings of them, so that a tree can be hashed. Money
is in minor units; other decimals are strings.
"""

from __future__ import annotations

import re
from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Final

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from audiences.segments import dates, text
from audiences.segments.choices import Key, Source
from audiences.segments.sql import Part
from engage.orgs import formatting

if TYPE_CHECKING:
    from audiences.segments.frame import Frame

LONGEST_TEXT: Final = 500
LONGEST_LIST: Final = 1000
LARGEST: Final = 10**15
_DECIMAL: Final = re.compile(r"-?\d{1,16}(\.\d{1,6})?")


class ValueRefused(ValueError):
    """A value that does not fit its type; the text is fit for the user and says what to do."""


@dataclass(frozen=True)
class Operator:
    """`takes`: one value, a range, many, nothing, or the shape of a date mode."""

    key: str
    label: Any
    takes: str = "one"


BLANK: Final = (
    Operator("blank", gettext_lazy("is blank"), "nothing"),
    Operator("not_blank", gettext_lazy("is not blank"), "nothing"),
)


class Kind(ABC):
    """A type of value."""

    name: str
    own_operators: tuple[Operator, ...]

    def operators(self, *, blank: bool) -> tuple[Operator, ...]:
        """What can be asked; `blank` where the value can be missing."""
        return self.own_operators + (BLANK if blank else ())

    @abstractmethod
    def read(self, operator: Operator, value: object) -> Any:
        """The value in its stored form. Raises `ValueRefused`."""

    @abstractmethod
    def say(self, operator: Operator, value: Any, frame: Frame) -> str:
        """Operator and value in words."""

    @abstractmethod
    def compare(self, expression: str, operator: Operator, value: Any, frame: Frame) -> Part:
        """Whether an SQL expression of this type meets the operator. A missing value is never true."""

    def test(self, expression: str, operator: Operator, value: Any, frame: Frame) -> Part:
        """`compare`, and the two operators that every type has."""
        if operator.key == "blank":
            return Part(f"{expression} IS NULL")
        if operator.key == "not_blank":
            return Part(f"{expression} IS NOT NULL")
        return self.compare(expression, operator, value, frame)


@dataclass(frozen=True)
class Number(Kind):
    """A number, kept in columns as a whole number of `scale` parts; with `money` it is in minor units throughout."""

    name: str = "number"
    scale: int = 1
    money: bool = False
    lowest: int = 0
    highest: int = LARGEST
    own_operators: tuple[Operator, ...] = (
        Operator("gte", gettext_lazy("is at least")),
        Operator("lte", gettext_lazy("is at most")),
        Operator("eq", gettext_lazy("equals")),
        Operator("between", gettext_lazy("is between"), "range"),
        Operator("gt", gettext_lazy("is more than")),
        Operator("lt", gettext_lazy("is less than")),
        Operator("ne", gettext_lazy("does not equal")),
    )

    def read(self, operator: Operator, value: object) -> Any:
        if operator.takes != "range":
            return self._stored(value)
        if not isinstance(value, dict) or not set(value) <= {"from", "to"}:
            raise ValueRefused(_("Type both ends of the range."))
        low, high = self._stored(value.get("from")), self._stored(value.get("to"))
        if self.scaled(high) < self.scaled(low):
            raise ValueRefused(_("The range ends before it begins. Swap the two numbers."))
        return {"from": low, "to": high}

    def _stored(self, value: object) -> int | str:
        if isinstance(value, bool) or not isinstance(value, int | str) or value == "":
            raise ValueRefused(_("Type a number."))
        if not _DECIMAL.fullmatch(str(value)):
            raise ValueRefused(_("Type a number, in digits."))
        number = Decimal(value)
        if not self.lowest <= number <= self.highest:
            raise ValueRefused(self._bounds())
        if number * self.scale != (number * self.scale).to_integral_value():
            raise ValueRefused(_("Type a whole number.") if self.scale == 1 else _("Use fewer decimals."))
        return int(number) if self.scale == 1 else format(number.normalize(), "f")

    def _bounds(self) -> str:
        if self.highest == LARGEST:
            return _("Type a number of %(low)s or more.") % {"low": self.lowest}
        return _("Type a number from %(low)s to %(high)s.") % {"low": self.lowest, "high": self.highest}

    def scaled(self, value: Any) -> int:
        """A stored number as the integer that columns of this type hold."""
        return int(Decimal(value) * self.scale)

    def say(self, operator: Operator, value: Any, frame: Frame) -> str:
        if operator.takes == "range":
            ends = {"low": self.written(value["from"], frame), "high": self.written(value["to"], frame)}
            return _("is between %(low)s and %(high)s") % ends
        return f"{operator.label} {self.written(value, frame)}"

    def written(self, value: Any, frame: Frame) -> str:
        if self.money:
            return formatting.money(int(value), frame.settings)
        number = Decimal(value)
        places = max(-int(number.normalize().as_tuple().exponent), 0)
        return formatting.number(number, frame.settings, places=places)

    def compare(self, expression: str, operator: Operator, value: Any, frame: Frame) -> Part:
        if operator.takes == "range":
            return Part(
                f"{expression} >= %(low)s AND {expression} <= %(high)s",
                {"low": self.scaled(value["from"]), "high": self.scaled(value["to"])},
            )
        sign = {"gte": ">=", "lte": "<=", "eq": "=", "gt": ">", "lt": "<", "ne": "<>"}[operator.key]
        return Part(f"{expression} {sign} %(value)s", {"value": self.scaled(value)})

    def zero_meets(self, operator: Operator, value: Any) -> bool:
        """Whether 0 meets the operator: then those without any transaction belong (A-33)."""
        if operator.takes == "range":
            return self.scaled(value["from"]) <= 0 <= self.scaled(value["to"])
        number = self.scaled(value)
        return {
            "gte": number <= 0,
            "lte": number >= 0,
            "eq": number == 0,
            "gt": number < 0,
            "lt": number > 0,
            "ne": number != 0,
        }[operator.key]


@dataclass(frozen=True)
class Text(Kind):
    """Text, compared with case ignored. `expression` must be a normal form in collation "C"."""

    name: str = "text"
    own_operators: tuple[Operator, ...] = (
        Operator("is", gettext_lazy("is")),
        Operator("is_not", gettext_lazy("is not")),
        Operator("in_list", gettext_lazy("is one of"), "many"),
        Operator("contains", gettext_lazy("contains")),
        Operator("starts", gettext_lazy("starts with")),
        Operator("ends", gettext_lazy("ends with")),
    )

    def read(self, operator: Operator, value: object) -> Any:
        if operator.takes == "many":
            return [_text(item) for item in _list(value, _("Type at least one value."))]
        return _text(value)

    def say(self, operator: Operator, value: Any, frame: Frame) -> str:
        return f"{operator.label} {listed(value) if operator.takes == 'many' else value}"

    def compare(self, expression: str, operator: Operator, value: Any, frame: Frame) -> Part:
        return text.compare(expression, operator.key, value)


@dataclass(frozen=True)
class Choice(Kind):
    """Some of many. `ids` is a SELECT of the ids that the chosen values mean, where columns hold ids.

    `said`: how a sentence says that the value is, or is not, one of the chosen.
    """

    source: Source
    ids: str = ""
    said: tuple[Any, Any] = (gettext_lazy("is"), gettext_lazy("is not"))
    name: str = "choice"
    own_operators: tuple[Operator, ...] = (
        Operator("any_of", gettext_lazy("is any of"), "many"),
        Operator("none_of", gettext_lazy("is none of"), "many"),
    )

    def read(self, operator: Operator, value: object) -> list[Key]:
        chosen = _list(value, _("Choose at least one value."))
        wanted = int if self.source.numbers else str
        if any(isinstance(item, bool) or not isinstance(item, wanted) for item in chosen):
            raise ValueRefused(_("Choose the values again."))
        return list(dict.fromkeys(chosen if self.source.numbers else [_text(item) for item in chosen]))

    def say(self, operator: Operator, value: Any, frame: Frame) -> str:
        is_, is_not = self.said
        return f"{is_ if operator.key == 'any_of' else is_not} {self.named(value, frame)}"

    def named(self, value: Sequence[Key], frame: Frame) -> str:
        """The chosen values by their labels."""
        labels = frame.labels(self.source, value)
        return listed([labels.get(key, str(key)) for key in value])

    def compare(self, expression: str, operator: Operator, value: Any, frame: Frame) -> Part:
        params: dict[str, Any] = {"value": value}
        if self.ids:
            if operator.key == "any_of":
                return Part(f"{expression} IN ({self.ids})", params)
            return Part(f"{expression} IS NOT NULL AND {expression} NOT IN ({self.ids})", params)
        sign = "= ANY" if operator.key == "any_of" else "<> ALL"
        return Part(f"{expression} {sign}(%(value)s)", params)


@dataclass(frozen=True)
class Did(Kind):
    """Whether something happened; the question has no value. `yes` and `no` say it in a sentence."""

    did: Any
    did_not: Any
    yes: Any
    no: Any
    name: str = "did"

    @property
    def own_operators(self) -> tuple[Operator, ...]:  # type: ignore[override]
        return (Operator("did", self.did, "nothing"), Operator("did_not", self.did_not, "nothing"))

    def read(self, operator: Operator, value: object) -> None:
        if value is not None:
            raise ValueRefused(_("This condition takes no value."))

    def say(self, operator: Operator, value: Any, frame: Frame) -> str:
        return str(self.yes if operator.key == "did" else self.no)

    def compare(self, expression: str, operator: Operator, value: Any, frame: Frame) -> Part:
        return Part(f"{expression} IS {'NOT ' if operator.key == 'did' else ''}NULL")


@dataclass(frozen=True)
class Date(Kind):
    """A date or instant, asked by the date modes. `compares`: an "instant", a "day", or an "anniversary"."""

    compares: str
    letters: str = "LARX"
    name: str = "date"

    @property
    def own_operators(self) -> tuple[Operator, ...]:  # type: ignore[override]
        return tuple(Operator(mode.key, mode.label, mode.takes) for mode in dates.modes(self.letters))

    def read(self, operator: Operator, value: object) -> Any:
        try:
            return dates.read(dates.MODES[operator.key], value)
        except dates.DateRefused as refused:
            raise ValueRefused(str(refused)) from None

    def say(self, operator: Operator, value: Any, frame: Frame) -> str:
        return _("is %(when)s") % {"when": dates.say(dates.MODES[operator.key], value, frame.settings)}

    def compare(self, expression: str, operator: Operator, value: Any, frame: Frame) -> Part:
        days = dates.span(dates.MODES[operator.key], value, frame.today, frame.settings.week_start)
        if self.compares != "anniversary":
            return dates.during(expression, days, frame.settings.zone if self.compares == "instant" else None)
        found = dates.month_days(days)
        if found is None:
            return Part(f"{expression} IS NOT NULL")
        return Part(
            f"(extract(month FROM {expression}) * 100 + extract(day FROM {expression}))::int = ANY(%(days)s::int[])",
            {"days": found},
        )


def listed(values: Sequence[object]) -> str:
    """A few values, or the first of many and how many more."""
    shown = [str(value) for value in values[:5]]
    more = len(values) - len(shown)
    if more:
        shown.append(ngettext("%(n)s more", "%(n)s more", more) % {"n": more})
    if len(shown) == 1:
        return shown[0]
    return _("%(first)s or %(last)s") % {"first": ", ".join(shown[:-1]), "last": shown[-1]}


def _text(value: object) -> str:
    if not isinstance(value, str) or not value.strip():
        raise ValueRefused(_("Type a value."))
    cleaned = " ".join(value.split())
    if len(cleaned) > LONGEST_TEXT:
        raise ValueRefused(_("Use at most %(most)s characters.") % {"most": LONGEST_TEXT})
    if "\0" in cleaned or any("\ud800" <= character <= "\udfff" for character in cleaned):
        raise ValueRefused(_("Type the value again: it holds characters that cannot be kept."))
    return cleaned


def _list(value: object, empty: str) -> list[Any]:
    if not isinstance(value, list) or not value:
        raise ValueRefused(empty)
    if len(value) > LONGEST_LIST:
        raise ValueRefused(_("Use at most %(most)s values.") % {"most": LONGEST_LIST})
    return value
