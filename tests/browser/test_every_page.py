"""Every page of the console as an admin of a living org meets it: accessible, no wider than the screen, no fault."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.urls import reverse
from django.utils import timezone
from playwright.sync_api import Browser, Page
from pytest_django import Settings
from pytest_django.live_server_helper import LiveServer

from audiences.models import Audience, Customer
from campaigns import dispatch, freeze, lifecycle
from campaigns.clock import database_now
from campaigns.models import Campaign, Message
from channels.models import Sender
from conversions import attribution
from engage.orgs.models import Job, Member, Role, User
from engage.orgs.tenancy import org_context
from reporting import strip
from tests import factories
from tests.browser import stack
from tests.browser.conftest import Axe, Watch
from tests.browser.stack import Shop
from tests.campaigns import factories as made
from tests.campaigns.send.conftest import carrier, carrier_process  # noqa: F401  fixtures
from tests.local.carriers import Carrier, until
from tests.test_access_matrix import CELLS, PATTERNS

LONG = "Harbour" + 9 * "weekend"  # a name that no space breaks
STEPS = ("basics", "audience", "content", "schedule", "delivery", "review")
MODELS: dict[str, Any] = {
    "campaign": Campaign, "message": Message, "audience": Audience, "customer": Customer, "sender": Sender,
    "role": Role, "member": Member, "job": Job,
}  # fmt: skip
WIDE, LAPTOP, PHONE = 1440, 1280, 390
# What is shown and does nothing where no script runs, or waits for one.
# A definition that a narrow column put on a line of its own.
ALONE = """() => [...document.querySelectorAll("th .ask, dt .ask")].filter(ask => {
  const words = document.createRange(), at = ask.getBoundingClientRect();
  words.selectNodeContents(ask.previousElementSibling ?? ask.previousSibling);
  return [...words.getClientRects()].every(line => line.bottom <= at.top + 4);
}).map(ask => ask.getAttribute("aria-label"))"""
DEAD = """() => {
  const idle = "button[type=button]:not([popovertarget], [commandfor]), a:not([href]), a[href='#']";
  const dead = [...document.querySelectorAll(idle)].filter(one => one.checkVisibility());
  const awaited = [...document.querySelectorAll("[hx-trigger~=load]")].filter(one => !one.textContent.trim());
  return [...dead, ...awaited].map(one => one.outerHTML.slice(0, 200));
}"""


def _living(shop: Shop) -> User:
    """A message that was sent, reported on and counted, one that waits for approval, a draft; and an admin to look."""
    at, org = timezone.now(), shop.org
    admin = factories.member(org, "admin")
    with org_context(org.pk):
        frame = made.campaign(org, shop.writer, at=at, name=LONG)
        for title in ("Written", "Waiting", "Sent"):
            it = made.message(frame, shop.writer, at=at, title=title + LONG, sender=shop.sender)
            if title != "Written":
                lifecycle.submit(it, by=shop.writer, at=at - timedelta(minutes=3))
        it = Message.objects.for_org(org).get(title__startswith="Sent")
        lifecycle.approve(it, by=shop.approver, seen=made.seen(it), at=at - timedelta(minutes=2))
        run = lifecycle.open_run(Message.objects.for_org(org).get(pk=it.pk), at=database_now())
    assert freeze.freeze(org.pk, run.pk)
    _elsewhere(dispatch.work_lane, org_id=org.pk, run_id=run.pk)
    until(lambda: not shop.account.stats()["receipts_waiting"], "the receipts")
    attribution.attribute(org.pk, at=timezone.now(), settle=timedelta(0))
    strip.renew(org.pk, at=timezone.now())
    return admin


def _elsewhere(what: Callable[..., Any], *given: Any, **named: Any) -> Any:
    """In a thread of its own, as Playwright keeps this one's event loop."""

    def do() -> Any:
        try:
            return what(*given, **named)
        finally:
            connection.close()

    with ThreadPoolExecutor(1) as thread:
        return thread.submit(do).result()


def _addresses(shop: Shop) -> list[str]:
    """Every address that takes an org, a step or one of these rows."""
    with org_context(shop.org.pk):
        rows = {
            kind: list(model.objects.for_org(shop.org).order_by("-id")[:1]) for kind, model in MODELS.items()
        }
        # Of messages each, as their pages differ most.
        rows["message"] = list(Message.objects.for_org(shop.org).order_by("id"))
    found = ["/account/", "/account/password/", "/account/codes/"]
    for name, (kind, _) in CELLS.items():
        names = set(re.findall(r"<\w+:(\w+)>", str(PATTERNS[name].pattern)))
        if names - {"org", "pk", "step"}:
            continue
        for row in rows.get(kind, []) if "pk" in names else [None]:
            for step in STEPS if "step" in names else [""]:
                values = {"org": shop.org.slug, "pk": getattr(row, "id", None), "step": step}
                found.append(reverse(name, kwargs={key: values[key] for key in names}))
    return found


def _pages(shop: Shop, admin: User) -> list[str]:
    """Those that answer with a whole page, rather than a part of one, a file, or the way to another."""
    client = Client()
    client.force_login(admin)
    answers = {address: _elsewhere(client.get, address) for address in _addresses(shop)}
    return [
        address
        for address, answer in answers.items()
        if b"<main" in answer.getvalue() and answer.status_code == 200
    ]


@pytest.fixture
def plain(browser: Browser, browser_context_args: dict[str, Any], watch: Watch) -> Iterator[Page]:
    """A page of a browser that runs no scripts."""
    with browser.new_context(**browser_context_args, java_script_enabled=False) as context:
        page = context.new_page()
        watch.follow(page)
        yield page


def test_every_page_is_accessible_and_fits(
    carrier: Carrier,  # noqa: F811
    live_server: LiveServer,
    settings: Settings,
    signed_in: Callable[[User], Page],
    plain: Page,
    axe: Axe,
) -> None:
    """Q-29, Q-30: light on a desktop, dark on a phone; nothing scrolls sideways on either, nor on a laptop.

    Without scripts nothing that is shown is dead.
    """
    settings.CONSOLE_URL = settings.TRACKING_URL = live_server.url
    settings.CARRIER_KEY_FILE = carrier.home / "admin.key"
    shop = stack.found_shop(carrier)
    admin = _living(shop)
    page = signed_in(admin)
    plain.context.add_cookies(page.context.cookies())
    wrong: list[str] = []
    addresses = _pages(shop, admin)
    assert len(addresses) > 50
    for address in addresses:
        page.set_viewport_size({"width": WIDE, "height": 900})
        page.emulate_media(color_scheme="light")
        page.goto(live_server.url + address, wait_until="networkidle")
        wrong += [f"{address} light: {fault}" for fault in axe()]
        wrong += [f"{address}: {fault} stands alone" for fault in page.evaluate(ALONE)]
        for width in (LAPTOP, PHONE):
            page.set_viewport_size({"width": width, "height": 844})
            wide = page.evaluate("document.documentElement.scrollWidth")
            if wide > width:
                wrong.append(f"{address} is {wide} wide at {width}")
        page.emulate_media(color_scheme="dark")
        wrong += [f"{address} dark: {fault}" for fault in axe()]
        plain.goto(live_server.url + address)
        wrong += [f"{address} without scripts: {fault}" for fault in plain.evaluate(DEAD)]
    assert not wrong, "\n".join(wrong)
