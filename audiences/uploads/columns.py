"""What the columns of a list's file are: identifiers, tags for content, or nothing (A-19)."""

from __future__ import annotations

import re
from collections.abc import Sequence
from enum import StrEnum
from typing import Final, NamedTuple

from django.utils.text import slugify
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from audiences.contacts import Malformed, normal_phone
from audiences.intake.csvfile import Refused
from audiences.intake.fields import Kind
from audiences.intake.guide import GUIDE
from audiences.intake.header import ERROR_COLUMNS

MOST_TAGS: Final = 5
LONGEST_TAG: Final = 40


class Meaning(StrEnum):
    """What a column says of a customer."""

    EXTERNAL_ID = "external_id"
    NUMBER = "number"
    EMAIL = "email"
    PHONE = "phone"
    TAG = "tag"
    IGNORED = ""


LABELS: Final = {
    Meaning.EXTERNAL_ID: gettext_lazy("External id"),
    Meaning.EMAIL: gettext_lazy("E-mail"),
    Meaning.PHONE: gettext_lazy("Mobile"),
    Meaning.NUMBER: gettext_lazy("Customer number"),
    Meaning.TAG: gettext_lazy("Tag for content"),
    Meaning.IGNORED: gettext_lazy("Leave out"),
}
IDENTIFIERS: Final = (Meaning.EXTERNAL_ID, Meaning.NUMBER, Meaning.EMAIL, Meaning.PHONE)
ABOUT_FILES: Final = gettext_lazy(
    "One customer a row. Comma, semicolon or tab; with or without column names; any common encoding."
)
# What identifies also where several customers share an address.
SURE: Final = (Meaning.EXTERNAL_ID, Meaning.NUMBER)
_PHONE_DIGITS: Final = 10


class Column(NamedTuple):
    """A column of a file. `tag` is the name that content calls it by."""

    heading: str
    meaning: Meaning
    tag: str = ""

    @classmethod
    def stored(cls, heading: str, meaning: str, tag: str) -> Column:
        """As it stands in a job's parameters."""
        return cls(heading, Meaning(meaning), tag)


def _aliases() -> dict[str, Meaning]:
    known = {
        Meaning.EXTERNAL_ID: ("external_id", *GUIDE[Kind.CUSTOMERS]["external_id"].aliases),
        Meaning.EMAIL: ("email", *GUIDE[Kind.CUSTOMERS]["email"].aliases),
        Meaning.PHONE: ("phone", *GUIDE[Kind.CUSTOMERS]["phone"].aliases),
        Meaning.NUMBER: ("customer_number", "customer_no"),
    }
    return {alias: meaning for meaning, aliases in known.items() for alias in aliases}


_BY_HEADING: Final = _aliases()


def headings(first: Sequence[str], *, header: bool) -> list[str]:
    """The columns by name; numbered where the first row is a customer already, or names nothing."""
    names = [name.strip() if header else "" for name in first]
    return [name or _("Column %(n)s") % {"n": place} for place, name in enumerate(names, start=1)]


def seems_header(first: Sequence[str], last: Sequence[Column] = ()) -> bool:
    """Whether the first row names the columns; the person is asked either way."""
    known = _BY_HEADING.keys() | {_plain(column.heading) for column in last}
    if any(_plain(cell) in known for cell in first):
        return True
    return not any("@" in cell or sum(map(str.isdigit, cell)) > 2 for cell in first)


def propose(
    names: Sequence[str], rows: Sequence[Sequence[str]], region: str, last: Sequence[Column] = ()
) -> list[Column]:
    """What each column seems to be: as last time, by its name, or by its values; nothing where nobody can tell.

    `last` is the mapping of this person's last file, `rows` are the first rows without the header.
    """
    remembered = {_plain(column.heading): column for column in last}
    found: list[Column] = []
    for name in names:
        column = Column(name, Meaning.IGNORED)
        if name not in ERROR_COLUMNS:
            if _plain(name) in remembered:
                column = remembered[_plain(name)]._replace(heading=name)
            elif _plain(name) in _BY_HEADING:
                column = Column(name, _BY_HEADING[_plain(name)])
        if column.meaning in IDENTIFIERS and column.meaning in {one.meaning for one in found}:
            column = Column(name, Meaning.IGNORED)
        found.append(column)
    if not {column.meaning for column in found} & set(IDENTIFIERS):
        _by_values(found, rows, region)
    return found


def _by_values(found: list[Column], rows: Sequence[Sequence[str]], region: str) -> None:
    """Of columns whose names say nothing: the first of each kind, and the first column at all as the external id."""
    for place, column in enumerate(found):
        values = [row[place].strip() for row in rows if len(row) > place and row[place].strip()]
        meaning = _kind_of(values, region)
        if meaning and column.meaning is Meaning.IGNORED and meaning not in {one.meaning for one in found}:
            found[place] = column._replace(meaning=meaning)
    free = found and found[0].meaning is Meaning.IGNORED and found[0].heading not in ERROR_COLUMNS
    if free and not {column.meaning for column in found} & set(IDENTIFIERS):
        found[0] = found[0]._replace(meaning=Meaning.EXTERNAL_ID)


def _kind_of(values: Sequence[str], region: str) -> Meaning:
    if values and all("@" in value for value in values):
        return Meaning.EMAIL
    if values and all(_is_phone(value, region) for value in values):
        return Meaning.PHONE
    return Meaning.IGNORED


def _is_phone(value: str, region: str) -> bool:
    if sum(map(str.isdigit, value)) < _PHONE_DIGITS or any(map(str.isalpha, value)):
        return False
    try:
        normal_phone(value, region)
    except Malformed:
        return False
    return True


def _plain(heading: str) -> str:
    """Case, blanks and punctuation do not tell headings apart; letters of every script do."""
    return re.sub(r"[\W_]+", "_", heading.lower()).strip("_")


def tag_key(name: str) -> str:
    """How content writes the tag: `list.<key>`. Empty for a name without a Latin letter or digit."""
    return slugify(name).replace("-", "_")


def check(columns: Sequence[Column], *, shared: bool, tags: Sequence[str] = ()) -> list[Column]:
    """The columns, if a list can be made of them. Raises `Refused`.

    `shared`: the org says that families share contacts, so an address does not identify (A-20). `tags` are those that
    the list has already; the same name means the same tag.
    """
    used = [column.meaning for column in columns if column.meaning in IDENTIFIERS]
    twice = {meaning for meaning in used if used.count(meaning) > 1}
    if twice:
        text = _("Two columns are the %(field)s. Leave one out.")
        raise Refused(text % {"field": LABELS[twice.pop()]})
    if not used:
        raise Refused(_("Say which column identifies the customers: external id, e-mail, mobile or number."))
    if shared and not set(used) & set(SURE):
        raise Refused(
            _(
                "Your customers share contacts, so an e-mail address or mobile does not say whom you mean. "
                "Add a column with the external id or the customer number."
            )
        )
    _check_tags([column.tag for column in columns if column.meaning is Meaning.TAG], tags)
    return list(columns)


def _check_tags(given: Sequence[str], before: Sequence[str]) -> None:
    for name in given:
        if not tag_key(name):
            raise Refused(_("Name each tag with Latin letters or digits: content writes it so."))
        if len(name) > LONGEST_TAG:
            raise Refused(_("The tag’s name “%(name)s” is longer than 40 characters.") % {"name": name})
    keys = [tag_key(name) for name in given]
    if len(set(keys)) < len(keys):
        raise Refused(_("Two tags have one name. Name them differently."))
    if len(layout(before, given)) > MOST_TAGS:
        raise Refused(_("A list has at most five tags. Leave some columns out."))


def layout(before: Sequence[str], given: Sequence[str]) -> list[str]:
    """The tags of a list that has some and gets a file with some: those it has stay where they are."""
    keys = {tag_key(name) for name in before}
    return [*before, *(name for name in given if tag_key(name) not in keys)]
