"""Reading one row of a list's file: the identifiers in normal form and the tag values. Pure, may reject."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from django.utils.translation import gettext as _

from audiences.contacts import Malformed, address_key, normal
from audiences.intake import values
from audiences.intake.answers import Rejected
from audiences.intake.csvfile import Row
from audiences.intake.values import Unfit
from audiences.keys import lookup_key
from audiences.uploads.columns import IDENTIFIERS, LABELS, SURE, Column, Meaning

_LONGEST_NUMBER: Final = 18
_EXTERNAL_ID: Final = values.code(100)
_TAG: Final = values.text(500)


@dataclass(slots=True)
class Line:
    """A row that says whom it means. `given` maps each filled identifier to its cell."""

    row: Row
    given: dict[Meaning, str]
    external_id: str | None = None
    external_key: int | None = None
    number: int | None = None
    email_key: int | None = None
    phone_key: int | None = None
    tags: tuple[str, ...] = ()


class RowReader:
    """Reads the rows of one file. `shared`: addresses do not identify in this org (A-20)."""

    def __init__(self, columns: Sequence[Column], *, region: str, shared: bool) -> None:
        self.width = len(columns)
        self._region = region
        self._shared = shared
        places = {column.meaning: place for place, column in enumerate(columns)}
        self._identifiers = [(one, places[one]) for one in IDENTIFIERS if one in places]
        self._tags = [
            (place, column.tag) for place, column in enumerate(columns) if column.meaning is Meaning.TAG
        ]

    def __call__(self, row: Row) -> Line:
        """Raises `Rejected`."""
        cells = row.cells
        if len(cells) != self.width:
            text = _("The row has %(n)s cells, the first one %(width)s.")
            raise Rejected("cells", "", text % {"n": len(cells), "width": self.width})
        line = Line(row, {one: text for one, at in self._identifiers if (text := cells[at].strip())})
        line.tags = tuple(self._tag(name, cells[place]) for place, name in self._tags)
        self._identify(line)
        return line

    def _tag(self, name: str, cell: str) -> str:
        try:
            return _TAG(cell) or ""
        except Unfit as unfit:
            raise Rejected(unfit.code, name, f"{name}: {unfit.reason}") from None

    def _identify(self, line: Line) -> None:
        given = line.given
        if not given:
            names = ", ".join(str(LABELS[one]) for one, _place in self._identifiers)
            raise Rejected(
                "missing", "", _("The row names nobody. Fill one of: %(names)s.") % {"names": names}
            )
        if (text := given.get(Meaning.EXTERNAL_ID)) is not None:
            line.external_id = _external_id(text)
            line.external_key = lookup_key("customer", line.external_id)
        if (text := given.get(Meaning.NUMBER)) is not None:
            line.number = _number(text)
        if self._shared:
            if not any(one in given for one in SURE):
                reason = _("Customers share contacts here: give the external id or the customer number.")
                raise Rejected("ambiguous", "", reason)
            return
        line.email_key = self._address_key(Meaning.EMAIL, line)
        line.phone_key = self._address_key(Meaning.PHONE, line)

    def _address_key(self, meaning: Meaning, line: Line) -> int | None:
        """None where it is empty, or malformed and so nobody's; a row that names nothing else is rejected."""
        text = line.given.get(meaning)
        if text is None:
            return None
        try:
            return address_key(meaning.value, normal(meaning.value, text, self._region))
        except Malformed:
            if len(line.given) == 1:
                raise Rejected("invalid_contact", meaning, _malformed(meaning, text)) from None
            return None


def _malformed(meaning: Meaning, text: str) -> str:
    if meaning is Meaning.EMAIL:
        return _("“%(text)s” is no e-mail address.") % {"text": text[:100]}
    return _("“%(text)s” is no phone number; write it with its country code.") % {"text": text[:100]}


def _external_id(text: str) -> str:
    try:
        found: str = _EXTERNAL_ID(text)
    except Unfit as unfit:
        raise Rejected(unfit.code, Meaning.EXTERNAL_ID, unfit.reason) from None
    return found


def _number(text: str) -> int:
    if not (text.isascii() and text.isdigit() and len(text) <= _LONGEST_NUMBER):
        reason = _("“%(text)s” is no customer number: digits alone.") % {"text": text[:100]}
        raise Rejected("bad_number", Meaning.NUMBER, reason)
    return int(text)
