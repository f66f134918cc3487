"""The main job, from a filter to its effect, by two people in a real browser on a whole stack."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.utils import timezone
from playwright.sync_api import Browser, Page, expect
from pytest_django import Settings
from pytest_django.live_server_helper import LiveServer

from campaigns.models import Delivery
from conversions import attribution
from engage.orgs import formatting
from tests.browser import stack
from tests.browser.acting import Finger, Keys, Mouse
from tests.browser.conftest import Watch
from tests.browser.main_job import SLOW, MainJob
from tests.browser.stack import BUYERS, Shop
from tests.campaigns.send.conftest import carrier, carrier_process, forgotten_fence  # noqa: F401  fixtures
from tests.campaigns.send.workers import environment
from tests.local.carriers import Carrier, until

State = Delivery.State
PHONE = {"viewport": {"width": 390, "height": 844}, "has_touch": True, "is_mobile": True}


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


def _count(page: Page, label: str) -> int:
    line = page.locator("#state .counts li", has_text=re.compile(f"{label}"))
    return int(line.locator("b").first.inner_text())


def _tile(page: Page, label: str) -> str:
    term = page.locator(".kpi").filter(has=page.get_by_text(label, exact=True))
    return term.first.locator(".value").inner_text()


def _import_bills(page: Page, address: str, file: Path, number: int) -> None:
    page.goto(address)
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
    job = MainJob(Mouse(page), shop, live_server.url, "by mouse")
    job.to_approval()
    job.sign_in(shop.approver)
    job.approve()
    message_page = page.url
    assert shop.mails() == set()

    shop.end_hold()
    job.wait_until_sent()
    assert shop.mails() == shop.ledger(State.SENT)
    sent, held_out = shop.external_ids(shop.mails()), shop.external_ids(shop.ledger(State.HELD_OUT))
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
    job.sign_out(shop.approver)
    job.sign_in(shop.writer)
    file = stack.bills_file(tmp_path / "bills.csv", bills)
    _import_bills(page, job.at("customers/imports/new/"), file, len(bills))
    attribution.attribute(shop.org.pk, at=timezone.now(), settle=timedelta(0))

    job.hand.follow("Reports")
    page.get_by_role("link", name=job.campaign).first.click()
    hit, control = len(buyers) / len(sent), len(others) / len(held_out)
    assert _tile(page, "Hit rate") == formatting.percent(100 * hit, shop.settings)
    assert _tile(page, "Control hit rate") == formatting.percent(100 * control, shop.settings)
    gained = (hit - control) * len(sent) * 100_000
    assert _tile(page, "Incremental sales") == formatting.money(round(gained), shop.settings)
    expect(page.get_by_role("row", name=re.compile("^Test"))).to_contain_text(
        formatting.money(len(buyers) * 100_000, shop.settings)
    )


WAYS: dict[str, tuple[type[Mouse], dict[str, Any]]] = {
    "without scripts": (Mouse, {"java_script_enabled": False}),
    "by keyboard": (Keys, {}),
    "with a finger": (Finger, PHONE),
}


def test_from_a_filter_to_mails_without_scripts_by_keyboard_alone_and_on_a_phone(
    shop: Shop,
    browser: Browser,
    browser_context_args: dict[str, Any],
    watch: Watch,
    live_server: LiveServer,
    subtests: pytest.Subtests,
) -> None:
    """Q-29, Q-30: the same steps, three more ways; what leaves agrees with the carrier's own file."""
    for mark, (way, args) in WAYS.items():
        with subtests.test(mark), browser.new_context(**browser_context_args | args) as context:
            page = context.new_page()
            page.set_default_timeout(15_000)
            watch.follow(page)
            job = MainJob(
                way(page), shop, live_server.url, mark, scripts=args.get("java_script_enabled", True)
            )
            job.to_approval()
            job.sign_in(shop.approver)
            job.approve()
            before = shop.mails()
            shop.end_hold()
            job.wait_until_sent()
            assert shop.mails() > before
            assert shop.mails() == shop.ledger(State.SENT)
