"""Columns of a file: recognised, stated, or reported."""

from __future__ import annotations

import pytest

from audiences.intake import Kind, header
from audiences.intake.csvfile import Refused
from audiences.intake.guide import GUIDE

CUSTOMER = [*GUIDE[Kind.CUSTOMERS], "attribute.shoe_size"]
BILL = ["external_id", "customer", "at", "net", "store", "lines"]


def test_usual_headings_are_recognised() -> None:
    """A-12"""
    assert header.settle(Kind.CUSTOMERS, ["Customer ID", "First Name", "E-Mail", "MOBILE", "Shoe_Size"], CUSTOMER) == [
        "external_id", "first_name", "email", "phone", "attribute.shoe_size",
    ]  # fmt: skip


def test_an_unknown_column_is_named_with_those_that_are_known() -> None:
    """A-12, Q-20"""
    with pytest.raises(Refused, match=r"“Colour” is not known.*Known: external_id, first_name"):
        header.settle(Kind.CUSTOMERS, ["external_id", "Colour"], CUSTOMER)


def test_a_stated_mapping_wins_and_may_ignore() -> None:
    """A-12"""
    stated = {"No": "external_id", "Colour": header.IGNORE, "Name": "last_name"}
    assert header.settle(Kind.CUSTOMERS, ["No", "Colour", "Name"], CUSTOMER, stated) == [
        "external_id",
        "",
        "last_name",
    ]


@pytest.mark.parametrize(
    ("columns", "stated", "reason"),
    [
        (["external_id", "x"], {"y": "city"}, "no column “y”"),
        (["external_id", "x"], {"x": "colour {0}"}, "no field “colour {0}”"),
        (["external_id", "x", "y"], {"x": "city", "y": "city"}, "Two columns are the field “city”"),
        (["first_name"], {}, "needs a column “external_id”"),
    ],
)
def test_a_mapping_that_cannot_be_is_refused(columns: list[str], stated: dict[str, str], reason: str) -> None:
    """A-12, Q-20"""
    with pytest.raises(Refused, match=reason.replace("{", "\\{").replace("}", "\\}")):
        header.settle(Kind.CUSTOMERS, columns, CUSTOMER, stated)


def test_columns_of_an_errors_file_are_left_out_when_it_comes_back() -> None:
    """A-24"""
    columns = ["external_id", "city", *header.ERROR_COLUMNS]
    assert header.settle(Kind.CUSTOMERS, columns, CUSTOMER) == ["external_id", "city", "", "", ""]


def test_a_file_of_bills_with_lines_must_number_them() -> None:
    """A-14"""
    assert header.settle(Kind.TRANSACTIONS, ["bill", "line", "sku", "line_amount"], BILL)
    with pytest.raises(Refused, match="line_no"):
        header.settle(Kind.TRANSACTIONS, ["bill", "sku", "line_amount"], BILL)


def test_fields_of_the_orgs_own_are_taken_by_their_prefix() -> None:
    """A-14"""
    assert header.settle(Kind.TRANSACTIONS, ["bill", "custom.till"], BILL) == ["external_id", "custom.till"]
    assert header.settle(Kind.PRODUCTS, ["sku", "attribute.colour"], ["code"]) == ["code", "attribute.colour"]
