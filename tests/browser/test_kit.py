"""The kit page, which shows every component: what holds here holds on every page built from them."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator

import pytest
from playwright.sync_api import Browser, Dialog, Locator, Page, expect
from pytest_django.live_server_helper import LiveServer

from tests.browser.conftest import ARGUMENTS, Axe


@pytest.fixture(scope="session")
def address() -> Iterator[str]:
    """A server without a database: the kit reads none, and emptying one after each test takes seconds."""
    server = LiveServer("localhost")
    yield server.url
    server.stop()


@pytest.fixture
def kit(page: Page, address: str) -> Page:
    page.goto(f"{address}/kit/")
    return page


def focused(page: Page) -> Locator:
    return page.locator(":focus")


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [1440, 390])
def test_every_component_is_accessible(kit: Page, axe: Axe, scheme: str, width: int) -> None:
    """Q-29"""
    kit.emulate_media(color_scheme="dark" if scheme == "dark" else "light")
    kit.set_viewport_size({"width": width, "height": 844})
    assert axe() == []


def test_open_popovers_and_dialogs_are_accessible(kit: Page, axe: Axe) -> None:
    """Q-29"""
    kit.get_by_role("button", name="What Contacted customers means").click()
    kit.get_by_text("Show as table").first.click()
    assert axe() == []
    kit.get_by_role("button", name="Open a dialog").click()
    assert axe() == []


@pytest.mark.parametrize("width", [320, 390, 720, 1000])
def test_nothing_scrolls_sideways(kit: Page, sideways: Callable[[int], int], width: int) -> None:
    """Q-29: 320 px; 720 px is a screen of 1440 at 200% zoom."""
    assert sideways(width) == 0


@pytest.mark.parametrize("width", [1440, 780])
def test_text_twice_as_large_loses_nothing(
    launch_browser: Callable[..., Browser], address: str, width: int
) -> None:
    """Q-29: sizes and breakpoints follow the font size in the browser's settings."""
    with launch_browser(args=[*ARGUMENTS, "--blink-settings=defaultFontSize=32"]) as browser:
        page = browser.new_page(viewport={"width": width, "height": 800})
        page.goto(f"{address}/kit/")
        assert page.evaluate("getComputedStyle(document.body).fontSize") == "28px"
        assert page.evaluate("document.documentElement.scrollWidth") == width


def test_motion_stops_for_those_who_ask(kit: Page) -> None:
    """Q-29"""
    moving = "getComputedStyle(document.querySelector('.chip.live svg')).animationName"
    assert kit.evaluate(moving) == "none"
    kit.emulate_media(reduced_motion="no-preference")
    assert kit.evaluate(moving) == "pulse"


def test_the_first_tab_skips_to_the_content(kit: Page) -> None:
    """Q-29"""
    kit.keyboard.press("Tab")
    expect(kit.get_by_role("link", name="Skip to content")).to_be_focused()
    kit.keyboard.press("Enter")
    expect(kit.locator("main")).to_be_focused()


def test_a_menu_opens_and_closes_by_keyboard(kit: Page) -> None:
    """Q-29"""
    opener = kit.get_by_role("button", name=re.compile("^Actions for Diwali"))
    entry = kit.locator("#menu-row-1").get_by_role("link", name="Report")
    opener.focus()
    kit.keyboard.press("Enter")
    expect(entry).to_be_visible()
    kit.keyboard.press("Escape")
    expect(entry).to_be_hidden()
    expect(opener).to_be_focused()


def test_a_menu_opens_beside_its_button(kit: Page) -> None:
    """Q-29: a menu far from its button is lost on a zoomed screen."""
    opener = kit.get_by_role("button", name=re.compile("^Actions for Diwali"))
    opener.click()
    button, menu = opener.bounding_box(), kit.locator("#menu-row-1").bounding_box()
    assert button and menu
    assert abs(menu["y"] - button["y"] - button["height"]) < 10
    assert abs(menu["x"] + menu["width"] - button["x"] - button["width"]) < 10


def test_escape_closes_a_dialog_and_gives_the_focus_back(kit: Page) -> None:
    """Q-29"""
    opener = kit.get_by_role("button", name="Open a dialog")
    opener.focus()
    kit.keyboard.press("Enter")
    dialog = kit.get_by_role("dialog", name="Stop sending?")
    expect(dialog).to_be_visible()
    kit.keyboard.press("Escape")
    expect(dialog).to_be_hidden()
    expect(opener).to_be_focused()


def test_a_number_opens_its_definition(kit: Page) -> None:
    """M-01"""
    kit.get_by_role("button", name="What Contacted customers means").click()
    tip = kit.locator("#def-contacted")
    for part in ("Formula", "Population", "Period", "As of"):
        expect(tip.get_by_text(part, exact=True)).to_be_visible()


def test_the_palette_goes_where_it_says(kit: Page) -> None:
    """Q-29"""
    target = kit.locator("#palette-list a").first
    where, name = target.get_attribute("href"), target.inner_text()
    kit.keyboard.press("Control+k")
    expect(kit.locator("#palette-q")).to_be_focused()
    kit.keyboard.type("no such place")
    expect(kit.get_by_text("Nothing here has that name.")).to_be_visible()
    kit.keyboard.press("Escape")
    expect(kit.locator("#palette")).to_be_hidden()
    kit.keyboard.press("Control+k")
    kit.keyboard.type(name.strip().lower())
    kit.locator("#palette-list").evaluate(
        "list => list.addEventListener('click', e => { e.preventDefault(); "
        "window.went = e.target.closest('a').getAttribute('href'); })"
    )
    kit.keyboard.press("Enter")
    assert kit.evaluate("window.went") == where


def test_slash_searches_and_j_k_walk_the_list(kit: Page) -> None:
    """Q-29"""
    kit.keyboard.press("/")
    expect(kit.get_by_role("searchbox", name="Find a campaign")).to_be_focused()
    kit.keyboard.type("jk")
    expect(kit.get_by_role("searchbox", name="Find a campaign")).to_have_value("jk")
    kit.get_by_role("heading", name="The kit").click()
    kit.keyboard.press("j")
    expect(focused(kit)).to_have_text(re.compile("^Diwali"))
    kit.keyboard.press("j")
    expect(focused(kit)).to_have_text(re.compile("^Winter"))
    kit.keyboard.press("k")
    expect(focused(kit)).to_have_text(re.compile("^Diwali"))


def test_the_theme_is_remembered(kit: Page) -> None:
    """Q-29: light and dark"""
    kit.get_by_role("button", name="Switch light or dark theme").click()
    expect(kit.locator("html")).to_have_attribute("data-theme", "dark")
    kit.reload()
    expect(kit.locator("html")).to_have_attribute("data-theme", "dark")


@pytest.mark.browser_context_args(timezone_id="America/New_York")
def test_times_turn_to_the_readers_zone_and_back(kit: Page) -> None:
    """Q-32"""
    shown = kit.locator(".timeline time").first
    expect(shown).to_have_text("24 Nov 2026, 10:30 IST")
    kit.get_by_role("button", name="Asha Rao").click()
    kit.get_by_role("button", name="Show times in my zone").click()
    expect(shown).to_have_text(re.compile(r"24 Nov 2026, 00:00 (EST|GMT-5)"))
    kit.get_by_role("button", name="Show times in Org time").click()
    expect(shown).to_have_text("24 Nov 2026, 10:30 IST")


def test_typed_text_survives_a_closed_page(kit: Page) -> None:
    """Q-36"""
    field = kit.locator("#id_good-words")
    field.fill("Forty years of gold")
    # Closing the page asks first; whoever leaves anyway finds the text again.
    kit.once("dialog", lambda dialog: dialog.accept())
    kit.reload()
    kit.get_by_role("button", name="Bring it back").click()
    expect(field).to_have_value("Forty years of gold")


def test_leaving_with_unsaved_text_asks_first(kit: Page) -> None:
    """Q-36"""
    field = kit.locator("#id_good-words")
    field.fill("Not saved")
    asked: list[str] = []

    def stay(dialog: Dialog) -> None:
        asked.append(dialog.type)
        dialog.dismiss()

    kit.once("dialog", stay)
    kit.get_by_role("link", name="Engage", exact=True).click()
    assert asked == ["beforeunload"]
    expect(field).to_have_value("Not saved")


def test_errors_lead_to_their_fields(kit: Page) -> None:
    """Q-29: errors tied to fields; Q-31: they say what to do"""
    field = kit.locator("#id_wrong-share")
    described = (field.get_attribute("aria-describedby") or "").split()
    assert "id_wrong-share_error" in described
    expect(kit.locator("#id_wrong-share_error")).to_contain_text("less than or equal to 50")
    kit.locator("#form-errors").get_by_role("link", name="Control group").click()
    expect(field).to_be_focused()


def test_the_phone_has_the_whole_menu(kit: Page, phone: Page) -> None:
    """T-34, Q-30"""
    expect(kit.locator(".nav")).to_be_hidden()
    phone.get_by_role("button", name="More").click()
    expect(phone.locator(".nav")).to_be_visible()
    phone.keyboard.press("Escape")
    expect(phone.locator(".nav")).to_be_hidden()


def test_a_table_on_a_phone_names_every_value(kit: Page, phone: Page) -> None:
    """Q-29: 320 px width"""
    cell = phone.locator("td[data-label=Audience]").first
    label = cell.evaluate("cell => getComputedStyle(cell, '::before').content")
    assert label == '"Audience"'


def test_menus_dialogs_and_filters_work_without_javascript(browser: Browser, address: str) -> None:
    """Q-30"""
    with browser.new_context(java_script_enabled=False) as context:
        page = context.new_page()
        page.goto(f"{address}/kit/")
        page.get_by_role("button", name=re.compile("^Actions for Diwali")).click()
        expect(page.locator("#menu-row-1").get_by_role("link", name="Report")).to_be_visible()
        page.keyboard.press("Escape")
        page.get_by_role("button", name="Open a dialog").click()
        expect(page.get_by_role("dialog", name="Stop sending?")).to_be_visible()
        page.get_by_role("button", name="Keep sending").click()
        expect(page.get_by_role("dialog", name="Stop sending?")).to_be_hidden()
        page.get_by_role("searchbox", name="Find a campaign").fill("diwali")
        page.get_by_role("button", name="Apply").click()
        expect(page).to_have_url(re.compile(r"\?q=diwali"))
        expect(page.get_by_role("button", name="Switch light or dark theme")).to_have_count(0)


def test_a_page_that_is_not_there_says_so(
    page: Page, address: str, axe: Axe, expects_status: Callable[[int], None]
) -> None:
    """Q-31: what happened and what to do"""
    expects_status(404)
    page.goto(f"{address}/nowhere/")
    expect(page.get_by_role("heading", name="Nothing is here")).to_be_visible()
    expect(page.get_by_role("link", name="Go to the console")).to_be_visible()
    assert axe() == []
