"""The page that unsubscribe links open, in an org's own dress, and the settings page that dresses it."""

from __future__ import annotations

import io
from collections.abc import Callable

import pytest
from playwright.sync_api import Browser, Page, expect
from pytest_django.live_server_helper import LiveServer

from channels.tokens import unsubscribe_token
from engage.orgs import brand
from engage.orgs.access import access_of
from engage.orgs.models import Org, User
from engage.orgs.tenancy import org_context
from tests.browser.conftest import Axe, Watch
from tests.campaigns.receipts.ledgers import ledger_of
from tests.factories import NOW
from tests.orgs.pictures import picture

WIDTHS = (1440, 390)
# Hard to read on white, on black, on either, and with either on it; and the product's own.
COLOURS = ["#ffe600", "#0a1433", "#7a7a7a", "#d7263d", ""]
TEXTS = {
    "heading": "Leaving so soon?",
    "introduction": "Tell us what {company} should stop.\n\nWe act at once.",
    "farewell": "The shop stays open.",
}


@pytest.fixture
def link(org: Org) -> str:
    with org_context(org.pk):
        ledger = ledger_of(org, 1)
        return f"/u/{unsubscribe_token(ledger.signer().sign(ledger.people[1], 1)).decode()}"


def dress(
    org: Org, admin: User, accent: str, language: str = "en", texts: dict[str, str] | None = None
) -> None:
    content = picture(mode="RGBA", colour="#0a1433")
    with org_context(org.pk):
        by = access_of(admin, org)
        assert by is not None
        brand.set_logo(io.BytesIO(content), len(content), by=by, at=NOW)
        brand.save_landing(language, texts or TEXTS, accent, read_revision=0, by=by, at=NOW)


def faults(page: Page, axe: Axe) -> list[str]:
    """Of the page as it stands, in both themes at both widths."""
    found = []
    for width in WIDTHS:
        page.set_viewport_size({"width": width, "height": 844})
        wide = page.evaluate("document.documentElement.scrollWidth")
        found += [f"{wide} wide at {width}"] if wide > width else []
        for scheme in ("light", "dark"):
            page.emulate_media(color_scheme="dark" if scheme == "dark" else "light")
            found += [f"{scheme}, {width}: {fault}" for fault in axe()]
    return found


@pytest.mark.parametrize("accent", COLOURS)
def test_the_landing_page_is_accessible_in_any_colour(
    page: Page, live_server: LiveServer, link: str, org: Org, admin: User, axe: Axe, accent: str
) -> None:
    """H-18, Q-29: asking, with a fault, left, undone"""
    dress(org, admin, accent)
    page.goto(live_server.url + link)
    expect(page.get_by_role("heading", name="Leaving so soon?")).to_be_visible()
    assert page.get_by_role("img", name="Acme").evaluate("it => it.complete && it.naturalWidth > 0")
    wrong = faults(page, axe)
    page.get_by_label("Offers and news on every channel").check()
    page.get_by_role("button", name="Unsubscribe").click()
    expect(page.get_by_text("The shop stays open.")).to_be_visible()
    wrong += faults(page, axe)
    page.get_by_role("button", name="Undo").click()
    expect(page.get_by_role("heading", name="Undone.")).to_be_visible()
    wrong += faults(page, axe)
    assert wrong == []


def test_the_button_has_the_orgs_colour_and_words_that_can_be_read(
    page: Page, live_server: LiveServer, link: str, org: Org, admin: User
) -> None:
    """H-18, Q-29"""
    dress(org, admin, "#ffe600")
    page.goto(live_server.url + link)
    for scheme in ("light", "dark"):
        page.emulate_media(color_scheme="dark" if scheme == "dark" else "light")
        button = page.get_by_role("button", name="Unsubscribe")
        expect(button).to_have_css("background-color", "rgb(255, 230, 0)")
        expect(button).to_have_css("color", "rgb(0, 0, 0)")


def test_a_reader_of_arabic_reads_from_the_right(
    browser: Browser, live_server: LiveServer, link: str, org: Org, admin: User, watch: Watch, axe_source: str
) -> None:
    """H-18, Q-31"""
    dress(org, admin, "#1f5c99", "ar", {"heading": "قبل أن تذهب", "introduction": "", "farewell": ""})
    with browser.new_context(locale="ar-EG", viewport={"width": 390, "height": 844}) as context:
        page = context.new_page()
        watch.follow(page)
        page.goto(live_server.url + link)
        assert page.locator("html").get_attribute("lang") == "ar"
        expect(page.get_by_role("heading", name="قبل أن تذهب")).to_have_css("direction", "rtl")
        page.evaluate(axe_source)
        assert page.evaluate("axe.run(document).then(found => found.violations.length)") == 0
        assert page.evaluate("document.documentElement.scrollWidth") == 390


def test_an_admin_dresses_the_page_looks_before_saving_and_customers_see_it(
    signed_in: Callable[[User], Page],
    live_server: LiveServer,
    link: str,
    org: Org,
    admin: User,
    axe: Axe,
    watch: Watch,
    expects_status: Callable[[int], None],
) -> None:
    """T-24, H-18, Q-29"""
    expects_status(422)
    page = signed_in(admin)
    page.goto(f"{live_server.url}/o/{org.slug}/settings/")
    page.get_by_role("main").get_by_role("link", name="Logo and landing page").click()
    wrong = faults(page, axe)

    page.get_by_label("Picture").set_input_files(
        {"name": "logo.svg", "mimeType": "image/svg+xml", "buffer": b"<svg/>"}
    )
    page.get_by_role("button", name="Use this logo").click()
    expect(page.locator("#form-errors")).to_contain_text("An SVG is not taken")
    wrong += faults(page, axe)
    page.get_by_label("Picture").set_input_files(
        {"name": "logo.png", "mimeType": "image/png", "buffer": picture()}
    )
    page.get_by_role("button", name="Use this logo").click()
    expect(page.get_by_role("img", name="Logo of Acme")).to_be_visible()

    page.get_by_label("Heading").fill("Goodbye from {company}")
    page.get_by_label("Colour").fill("#d7263d")
    with page.context.expect_page() as opened:
        page.get_by_role("button", name="See it before saving").click()
    preview = opened.value
    watch.follow(preview)
    expect(preview.get_by_role("heading", name="Goodbye from Acme")).to_be_visible()
    preview.close()
    page.get_by_role("button", name="Save", exact=True).click()
    expect(page.get_by_text("Customers see it from now on.")).to_be_visible()
    wrong += faults(page, axe)

    page.goto(live_server.url + link)
    expect(page.get_by_role("heading", name="Goodbye from Acme")).to_be_visible()
    expect(page.get_by_role("button", name="Unsubscribe")).to_have_css("background-color", "rgb(215, 38, 61)")
    assert wrong == []


def test_the_settings_work_without_scripts(
    browser: Browser, live_server: LiveServer, org: Org, admin: User, signed_in: Callable[[User], Page]
) -> None:
    """Q-30"""
    cookies = signed_in(admin).context.cookies()
    with browser.new_context(java_script_enabled=False) as context:
        context.add_cookies(cookies)  # type: ignore[arg-type]
        page = context.new_page()
        page.goto(f"{live_server.url}/o/{org.slug}/settings/brand/?language=fr")
        page.get_by_label("Heading").fill("À bientôt")
        page.get_by_role("button", name="Save", exact=True).click()
        page.get_by_role("link", name="See the page").click()
        expect(page.get_by_role("heading", name="À bientôt")).to_be_visible()
        assert page.locator("html").get_attribute("lang") == "fr"
        page.get_by_role("button", name="Se désabonner").click()
        expect(page.get_by_role("button", name="Annuler")).to_be_visible()
