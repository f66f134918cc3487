"""What the columns of a list's file are taken for, and which a list can be made of."""

from __future__ import annotations

import pytest

from audiences.intake.csvfile import Refused
from audiences.intake.header import ERROR_COLUMNS
from audiences.uploads.columns import Column, Meaning, check, headings, layout, propose, seems_header, tag_key

ID, NUMBER, EMAIL, PHONE = Meaning.EXTERNAL_ID, Meaning.NUMBER, Meaning.EMAIL, Meaning.PHONE
TAG, OUT = Meaning.TAG, Meaning.IGNORED


def proposed(names: list[str], *rows: list[str], last: tuple[Column, ...] = ()) -> list[Meaning]:
    return [column.meaning for column in propose(names, rows, "IN", last)]


def test_columns_are_recognised_by_name_in_any_order() -> None:
    """A-19"""
    assert proposed(["Gift", "E-Mail", "Mobile Number", "Customer_ID", "customer no"]) == [
        OUT, EMAIL, PHONE, ID, NUMBER,
    ]  # fmt: skip
    assert proposed(["email", "E-mail"]) == [EMAIL, OUT]
    assert proposed(["id", *ERROR_COLUMNS]) == [ID, OUT, OUT, OUT]


def test_columns_without_telling_names_are_recognised_by_their_values() -> None:
    """A-18, A-19"""
    rows = ["C-1", "98123 45670", "a@example.com"], ["C-2", "+91 98123 45671", ""]
    assert proposed(["Column 1", "Column 2", "Column 3"], *rows) == [OUT, PHONE, EMAIL]
    assert proposed(["Kunde", "Stadt"], ["C-1", "Köln"]) == [ID, OUT]


def test_the_last_mapping_is_proposed() -> None:
    """A-19"""
    last = (Column("Kunde", ID), Column("Geschenk", TAG, "Gift"), Column("email", OUT))
    assert propose(["email", "GESCHENK", "Kunde"], [], "IN", last) == [
        Column("email", OUT), Column("GESCHENK", TAG, "Gift"), Column("Kunde", ID),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("first", "header"),
    [
        (["external_id", "gift"], True),
        (["Kunde", "Geschenk"], True),
        (["ग्राहक", "उपहार"], True),
        (["C-1001", "Mug"], False),
        (["a@example.com"], False),
        (["+919812345670", "x"], False),
        (["Email 1000", "email"], True),
    ],
)
def test_the_first_row_is_taken_for_what_it_seems(first: list[str], *, header: bool) -> None:
    """A-18"""
    assert seems_header(first) is header


def test_columns_without_names_are_numbered() -> None:
    """A-18"""
    assert headings(["C-1", "x"], header=False) == ["Column 1", "Column 2"]
    assert headings(["id", " "], header=True) == ["id", "Column 2"]


@pytest.mark.parametrize(
    ("columns", "why"),
    [
        ([Column("a", TAG, "Gift")], "Say which column identifies"),
        ([Column("a", EMAIL), Column("b", EMAIL)], "Two columns are the E-mail"),
        ([Column("a", ID)] + [Column("t", TAG, f"T{n}") for n in range(6)], "at most five"),
        ([Column("a", ID), Column("b", TAG, "उपहार")], "Latin letters"),
        ([Column("a", ID), Column("b", TAG, "")], "Latin letters"),
        ([Column("a", ID), Column("b", TAG, "My gift"), Column("c", TAG, "my-gift")], "one name"),
        ([Column("a", ID), Column("b", TAG, "x" * 41)], "longer than 40"),
    ],
)
def test_a_list_needs_an_identifier_once_and_at_most_five_named_tags(columns: list[Column], why: str) -> None:
    """A-19"""
    with pytest.raises(Refused, match=why):
        check(columns, shared=False)


def test_where_contacts_are_shared_an_address_alone_does_not_identify() -> None:
    """A-20"""
    with pytest.raises(Refused, match="share contacts"):
        check([Column("a", EMAIL), Column("b", PHONE)], shared=True)
    assert check([Column("a", EMAIL), Column("b", NUMBER)], shared=True)


def test_added_rows_keep_the_tags_that_a_list_has() -> None:
    """A-19, A-24"""
    assert layout(["Gift", "Shop"], ["shop", "Hour"]) == ["Gift", "Shop", "Hour"]
    with pytest.raises(Refused, match="at most five"):
        check([Column("a", ID), Column("b", TAG, "f")], shared=False, tags=["a", "b", "c", "d", "e"])
    assert tag_key("My gift-card") == "my_gift_card"
