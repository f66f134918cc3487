"""The main job, from a filter to its effect, by two people in a real browser on a whole stack."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from django.utils import timezone
from playwright.sync_api import Page, expect
from pytest_django import Settings
from pytest_django.live_server_helper import LiveServer

from campaigns.models import Delivery
from conversions import attribution
from engage.orgs import formatting
from engage.orgs.models import User
from tests.browser import stack
from tests.browser.stack import BUYERS, Shop
from tests.campaigns.send.conftest import carrier, carrier_process, forgotten_fence  # noqa: F401  fixtures
from tests.campaigns.send.workers import environment
from tests.factories import PASSWORD
from tests.local.carriers import Carrier, until

State = Delivery.State
BODY = (
    '<p>Hello {{ customer.first_name | default: "you" }}, <a href="https://shop.example/new">look</a>.</p>'
    '<p><a href="{{ unsubscribe }}">Unsubscribe</a></p>'
)
SLOW = 60_000  # milliseconds for what workers do, also on a busy machine


@pytest.fixture
def shop(
    forgotten_fence: None,  # noqa: F811
    process_environment: dict[str, str],
    carrier: Carrier,  # noqa: F811
    live_server: LiveServer,
    settings: Settings,
) -> Iterator[Shop]:
    settings.CONSOLE_URL = settings.TRACKING_URL = live_server.url
    settings.CARRIER_KEY_FILE = carrier.home / "admin.key"
    with stack.workers(environment(process_environment, carrier, ENGAGE_CONSOLE_URL=live_server.url)):
        yield stack.found_shop(carrier)


expect.set_options(timeout=15_000)


def _sign_in(page: Page, user: User, server: str) -> None:
    page.goto(f"{server}/sign-in/")
    page.get_by_label("E-mail").fill(user.email)
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Sign in").click()
    expect(page.get_by_role("navigation", name="Main")).to_be_attached()


def _sign_out(page: Page, user: User) -> None:
    page.get_by_role("button", name=str(user)).click()
    page.get_by_role("button", name="Sign out").click()
    expect(page.get_by_role("heading", name="Sign in to Engage")).to_be_visible()


def _build_audience(page: Page, at: str) -> None:
    page.goto(f"{at}audiences/new/")
    page.get_by_label("Name", exact=True).fill("Bought once")
    page.get_by_label("Field", exact=True).select_option("transactions")
    page.get_by_label("Number of transactions", exact=True).fill("1")
    page.keyboard.press("Tab")
    expect(page.locator("#filter-side .big")).to_have_text(str(BUYERS))
    page.get_by_role("button", name="Save audience").click()
    expect(page.get_by_role("heading", name="Bought once")).to_be_visible()


def _make_campaign(page: Page) -> None:
    page.get_by_role("navigation", name="Main").get_by_role("link", name="New campaign").click()
    page.get_by_label("Name", exact=True).fill("Harbour week")
    page.get_by_label("End date").fill(f"{timezone.now() + timedelta(days=20):%Y-%m-%d}")
    page.get_by_role("button", name="Save campaign").last.click()
    expect(page.get_by_role("heading", name="Harbour week")).to_be_visible()


def _go_on(page: Page, step: str) -> None:
    page.get_by_role("button", name="Save and go on").click()
    expect(page.get_by_role("heading", level=2, name=step)).to_be_visible()


def _write_message(page: Page) -> None:
    page.get_by_role("link", name="New message").first.click()
    page.get_by_label("Title").fill("Announcement")
    page.get_by_role("radio", name="E-mail").check()
    page.get_by_role("button", name="Create draft").click()
    page.get_by_role("group", name="Bought once").get_by_text("Include").click()
    _go_on(page, "Content")
    page.get_by_label("Subject").fill('News for {{ customer.first_name | default: "you" }}')
    page.get_by_label("Body").fill(BODY)
    _go_on(page, "When does it go?")
    _go_on(page, "Delivery settings")
    _go_on(page, "Checklist")


def _submit(page: Page) -> None:
    frame = page.frame_locator("iframe[name=preview]")
    expect(frame.get_by_text("Hello")).to_be_visible()
    page.get_by_role("button", name="Submit for approval").click()
    expect(page.locator("#state .chip")).to_have_text("Awaiting approval")


def _approve(page: Page) -> None:
    page.get_by_role("navigation", name="Main").get_by_role("link", name="Approvals").click()
    page.get_by_role("link", name="Announcement").first.click()
    if page.get_by_role("link", name="Review and decide").count():
        page.get_by_role("link", name="Review and decide").click()
    for part in ("Checklist", "To how many", "As the customer sees it"):
        expect(page.get_by_role("heading", name=part)).to_be_visible()
    page.get_by_role("button", name="Approve").click()
    expect(page.locator("#state")).to_contain_text("Until then nothing leaves")


def _count(page: Page, label: str) -> int:
    return int(
        page.locator("#state .counts li", has_text=re.compile(f"{label}")).locator("b").first.inner_text()
    )


def _tile(page: Page, label: str) -> str:
    term = page.locator(".kpi").filter(has=page.get_by_text(label, exact=True))
    return term.first.locator(".value").inner_text()


def _import_bills(page: Page, at: str, file: Path, number: int) -> None:
    page.goto(f"{at}customers/imports/new/")
    page.get_by_label("What is in the file").select_option("transactions")
    page.locator("input[type=file]").set_input_files(file)
    page.get_by_role("button", name="Upload and look").click()
    page.get_by_role("button", name="Import", exact=True).click()
    expect(page.locator("#job .chip")).to_have_text("Done", timeout=SLOW)
    expect(page.locator("#job")).to_contain_text(f"{number} / {number}")


def test_a_filter_becomes_mails_and_mails_become_a_measured_effect(
    shop: Shop, page: Page, live_server: LiveServer, tmp_path: Path
) -> None:
    """C-10, C-19, M-10, M-17, M-20: each number agrees with the carrier's own file."""
    page.set_default_timeout(15_000)
    at = live_server.url + shop.address
    _sign_in(page, shop.writer, live_server.url)
    _build_audience(page, at)
    _make_campaign(page)
    _write_message(page)
    _submit(page)
    _sign_out(page, shop.writer)
    _sign_in(page, shop.approver, live_server.url)
    _approve(page)
    message_page = page.url
    assert shop.at_the_carrier() == set()

    shop.end_hold()
    expect(page.locator("#state .chip")).to_have_text("Completed", timeout=SLOW)
    sent, held_out = shop.at_the_carrier(), shop.in_state(State.HELD_OUT)
    assert sent == shop.in_state(State.SENT)
    assert sent | held_out == {stack.code(n) for n in range(1, BUYERS + 1)}
    assert sent
    assert held_out
    bounced = int(stack.code(1) in sent)
    until(
        lambda: not any(shop.account.stats()[k] for k in ("receipts_waiting", "receipts_due")), "the receipts"
    )
    page.goto(message_page)
    shown = {name: _count(page, name) for name in ("Targeted", "Sent", "Held out", "Not delivered")}
    assert shown == {
        "Targeted": BUYERS, "Sent": len(sent), "Held out": len(held_out), "Not delivered": bounced,
    }  # fmt: skip

    buyers, others = sorted(sent)[:20], sorted(held_out)[:3]
    bills = dict.fromkeys(buyers, 1000) | dict.fromkeys(others, 700)
    _sign_out(page, shop.approver)
    _sign_in(page, shop.writer, live_server.url)
    _import_bills(page, at, stack.bills_file(tmp_path / "bills.csv", bills), len(bills))
    attribution.attribute(shop.org.pk, at=timezone.now(), settle=timedelta(0))

    page.get_by_role("navigation", name="Main").get_by_role("link", name="Reports").click()
    page.get_by_role("link", name="Harbour week").first.click()
    hit, control = len(buyers) / len(sent), len(others) / len(held_out)
    assert _tile(page, "Hit rate") == formatting.percent(100 * hit, shop.settings)
    assert _tile(page, "Control hit rate") == formatting.percent(100 * control, shop.settings)
    gained = (hit - control) * len(sent) * 100_000
    assert _tile(page, "Incremental sales") == formatting.money(round(gained), shop.settings)
    expect(page.get_by_role("row", name=re.compile("^Test"))).to_contain_text(
        formatting.money(len(buyers) * 100_000, shop.settings)
    )
