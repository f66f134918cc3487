"""Chromium against the running console. A missing browser fails the tests, it never skips them.

Any console error, policy report, answer of 4xx or 5xx, or request to another host fails the test that met it.
"""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import axe_playwright_python
import pytest
from django.conf import settings
from django.contrib.auth import BACKEND_SESSION_KEY, HASH_SESSION_KEY, SESSION_KEY
from django.contrib.sessions.backends.db import SessionStore
from django.utils import timezone
from playwright.sync_api import ConsoleMessage, Page, Request, Response
from pytest_django.live_server_helper import LiveServer

from engage.orgs.models import User

# Playwright's synchronous API keeps an event loop in this thread, which Django's ORM takes for an async caller.
os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"] = "true"

ARGUMENTS = [
    "--no-sandbox", "--headless", "--disable-gpu", "--disable-quic", "--no-first-run",
    "--disable-background-networking", "--disable-component-update", "--disable-sync", "--disable-dev-shm-usage",
    "--font-render-hinting=none", "--force-color-profile=srgb",
]  # fmt: skip
RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"]
STATUS_IN_CONSOLE = re.compile(r"Failed to load resource: the server responded with a status of (\d+)")
OWN_ADDRESSES = ("http://localhost:", "data:", "blob:")

Axe = Callable[[], list[str]]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    here = Path(__file__).parent
    for item in items:
        if here in item.path.parents:
            item.add_marker(pytest.mark.browser)
    # Last, because Playwright leaves its event loop running in this thread and the send starts one of its own.
    items.sort(key=lambda item: item.get_closest_marker("browser") is not None)


@pytest.fixture(scope="session")
def base_url() -> None:
    """Addresses are whole (`live_server.url`). Playwright's own fixture is of a form that pytest 9 warns about."""


@pytest.fixture(scope="session")
def browser_type_launch_args(browser_type_launch_args: dict[str, Any]) -> dict[str, Any]:
    chromium = os.environ.get("CHROMIUM") or shutil.which("chromium")
    if chromium is None:
        pytest.fail("Browser tests need Chromium: apt-get install chromium, or set CHROMIUM to its path.")
    return {**browser_type_launch_args, "executable_path": chromium, "args": ARGUMENTS, "headless": True}


@pytest.fixture(scope="session")
def browser_context_args(browser_context_args: dict[str, Any]) -> dict[str, Any]:
    """A desktop in India that asks for reduced motion; `phone` changes the size."""
    return {
        **browser_context_args,
        "viewport": {"width": 1440, "height": 900},
        "locale": "en-IN",
        "timezone_id": "Asia/Kolkata",
        "reduced_motion": "reduce",
    }


@pytest.fixture(scope="session")
def axe_source() -> str:
    return (Path(axe_playwright_python.__file__).parent / "axe.min.js").read_text()


@pytest.fixture
def axe(page: Page, axe_source: str) -> Axe:
    """`assert axe() == []`: every fault that axe finds against WCAG 2.2 AA, one a line."""

    def run() -> list[str]:
        # Through the debugger, so it runs under script-src 'self'.
        page.evaluate(axe_source)
        options = {"runOnly": {"type": "tag", "values": RULES}, "resultTypes": ["violations"]}
        found = page.evaluate("options => axe.run(document, options)", options)
        return [
            f"{fault['id']} ({fault['impact']}), {len(fault['nodes'])} places: {fault['nodes'][0]['html'][:200]}"
            for fault in found["violations"]
        ]

    return run


class Watch:
    """What went wrong on a page while a test drove it, apart from the answers that the test says it expects."""

    def __init__(self) -> None:
        self.expected: set[int] = set()
        self._faults: list[tuple[int, str]] = []

    def add(self, text: str, status: int = 0) -> None:
        self._faults.append((status, text))

    def faults(self) -> list[str]:
        return [text for status, text in self._faults if status not in self.expected]

    def console(self, message: ConsoleMessage) -> None:
        if message.type == "error":
            status = STATUS_IN_CONSOLE.search(message.text)
            self.add(f"console: {message.text}", int(status[1]) if status else 0)

    def response(self, response: Response) -> None:
        if response.status >= 400:
            self.add(f"{response.status} {response.url}", response.status)

    def request(self, request: Request) -> None:
        if not request.url.startswith(OWN_ADDRESSES):
            self.add(f"another host: {request.url}")

    def follow(self, page: Page) -> None:
        page.on("console", self.console)
        page.on("response", self.response)
        page.on("request", self.request)
        page.on("pageerror", lambda error: self.add(f"script: {error}"))


@pytest.fixture(autouse=True)
def watch(page: Page) -> Iterator[Watch]:
    seen = Watch()
    seen.follow(page)
    yield seen
    assert not seen.faults()


@pytest.fixture
def expects_status(watch: Watch) -> Callable[[int], None]:
    """`expects_status(404)`: this test asks for something that is not there."""
    return watch.expected.add


@pytest.fixture
def phone(page: Page) -> Page:
    page.set_viewport_size({"width": 390, "height": 844})
    return page


@pytest.fixture
def enter(live_server: LiveServer) -> Callable[[Page, User], None]:
    """Sign this person in on a page, as one who lately proved who they are."""

    def sign_in(page: Page, user: User) -> None:
        session = SessionStore()
        session[SESSION_KEY] = str(user.pk)
        session[BACKEND_SESSION_KEY] = settings.AUTHENTICATION_BACKENDS[0]
        session[HASH_SESSION_KEY] = user.get_session_auth_hash()
        session["proved_at"] = timezone.now().timestamp()
        session.save()
        page.context.clear_cookies(name=settings.SESSION_COOKIE_NAME)
        page.context.add_cookies(
            [
                {
                    "name": settings.SESSION_COOKIE_NAME,
                    "value": str(session.session_key),
                    "url": live_server.url,
                }
            ]
        )

    return sign_in


@pytest.fixture
def signed_in(page: Page, enter: Callable[[Page, User], None]) -> Callable[[User], Page]:
    def sign_in(user: User) -> Page:
        enter(page, user)
        return page

    return sign_in


@pytest.fixture
def sideways(page: Page) -> Callable[[int], int]:
    """How many pixels the page is wider than a screen of this width; 0 is right."""

    def measure(width: int) -> int:
        page.set_viewport_size({"width": width, "height": 800})
        return int(page.evaluate("document.documentElement.scrollWidth")) - width

    return measure
