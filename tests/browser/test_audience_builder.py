"""A marketer builds a filter with mouse and keyboard, sees its count change, and saves it."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest
from playwright.sync_api import Page, expect
from pytest_django.live_server_helper import LiveServer

from audiences.models import Audience
from engage.orgs.models import Org, User
from engage.orgs.tenancy import org_context
from tests import factories
from tests.audiences.factories import customer
from tests.browser.conftest import Axe

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def builder(org: Org, signed_in: Callable[[User], Page], live_server: LiveServer) -> Page:
    """A new filter, open, in an org of three customers of Pune and two of Goa."""
    marketer = factories.member(org, "marketer")
    with org_context(org.pk):
        for number, city in enumerate(["Pune", "Pune", "Pune", "Goa", "Goa"]):
            customer(org, city=city, gender="female" if number % 2 else "male")
    page = signed_in(marketer)
    page.goto(f"{live_server.url}/o/{org.slug}/audiences/new/")
    return page


def size(page: Page, n: int) -> None:
    expect(page.locator("#filter-side .big")).to_have_text(re.compile(rf"^\s*{n}\s*$"))


def test_a_filter_is_built_with_mouse_and_keyboard_and_saved(
    org: Org, builder: Page, axe: Axe, sideways: Callable[[int], int]
) -> None:
    """A-31, A-32, A-36"""
    page = builder
    size(page, 5)
    page.get_by_label("Name").fill("Women of Pune")
    page.get_by_label("Field").select_option("city")
    value = page.get_by_label("City", exact=True)
    expect(value).to_be_focused()
    page.keyboard.type("pune")
    page.keyboard.press("Tab")
    size(page, 3)
    expect(page.locator("#b0-0-count")).to_have_text("3")

    page.locator("#b0-add-condition").focus()
    page.keyboard.press("Enter")
    field = page.locator("#b0-1-field")
    expect(field).to_be_focused()
    field.select_option("gender")
    page.get_by_label("Female").press("Space")
    size(page, 1)
    expect(page.locator("#filter-side .said")).to_have_text(
        "All customers where city is pune and gender is Female."
    )

    page.set_viewport_size({"width": 390, "height": 844})
    above, below = (page.locator(f"#b0-0-{part}").bounding_box() for part in ("field", "exclude"))
    assert above
    assert below
    assert above["y"] < below["y"]
    page.set_viewport_size({"width": 1440, "height": 900})

    page.locator("#b0-any").press("Enter")
    size(page, 4)
    expect(page.locator("#b0-any")).to_be_focused()
    page.locator("#undo").press("Enter")
    size(page, 1)
    assert axe() == []
    assert sideways(1440) == 0
    assert sideways(390) == 0
    assert axe() == []

    page.get_by_role("button", name="Save audience").press("Enter")
    expect(page.get_by_role("heading", level=1)).to_have_text("Women of Pune")
    assert axe() == []
    assert sideways(390) == 0
    with org_context(org.pk):
        made = Audience.objects.for_org(org).select_related("current").get()
        assert (made.name, made.current.size) == ("Women of Pune", 1)


def test_save_is_never_dead_and_what_was_typed_outlives_the_page(
    builder: Page, expects_status: Callable[[int], None], axe: Axe
) -> None:
    """A-34, Q-36"""
    page = builder
    expects_status(422)
    page.get_by_label("Name").fill("Half a thought")
    page.get_by_label("Field").select_option("amount")
    amount = page.get_by_label("Total amount", exact=True)
    expect(amount).to_be_focused()
    page.keyboard.type("many")
    page.get_by_role("button", name="Save audience").click()
    expect(page.get_by_text("Type a number, in digits.")).to_be_visible()
    expect(page.get_by_label("Total amount", exact=True)).to_be_focused()
    assert axe() == []
    page.goto(page.url)
    expect(page.get_by_label("Name")).to_have_value("Half a thought")
    expect(page.get_by_label("Total amount", exact=True)).to_have_value("many")


def test_values_are_found_by_search_and_stay_chosen(org: Org, builder: Page) -> None:
    """A-30"""
    page = builder
    page.get_by_label("Field").select_option("country")
    search = page.get_by_role("searchbox", name="Country")
    expect(search).to_be_focused()
    search.press_sequentially("indi")
    page.get_by_role("checkbox", name="India IN").check()
    expect(page.locator("#filter-side .said")).to_have_text("All customers where country is India.")
    size(page, 0)
    expect(page.get_by_role("checkbox", name="India IN")).to_be_checked()
