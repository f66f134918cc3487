"""The steps of the main job, from a filter to a sent message, whichever way a person acts."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import Final

from django.utils import timezone
from playwright.sync_api import Page, expect

from engage.orgs.models import User
from tests.browser.acting import Mouse
from tests.browser.stack import BUYERS, Shop
from tests.factories import PASSWORD

BODY: Final = (
    '<p>Hello {{ customer.first_name | default: "you" }}, <a href="https://shop.example/new">look</a>.</p>'
    '<p><a href="{{ unsubscribe }}">Unsubscribe</a></p>'
)
SLOW: Final = 60_000  # milliseconds for what workers do, also on a busy machine

expect.set_options(timeout=15_000)


@dataclass
class MainJob:
    """One campaign of a shop with one message. `scripts` is False in a browser that runs none."""

    hand: Mouse
    shop: Shop
    server: str
    mark: str
    scripts: bool = True

    @property
    def page(self) -> Page:
        return self.hand.page

    @property
    def audience(self) -> str:
        return f"Bought once, {self.mark}"

    @property
    def campaign(self) -> str:
        return f"Harbour week, {self.mark}"

    @property
    def message(self) -> str:
        return f"Announcement, {self.mark}"

    def at(self, place: str) -> str:
        return f"{self.server}{self.shop.address}{place}"

    def sign_in(self, user: User) -> None:
        page, hand = self.page, self.hand
        hand.open(f"{self.server}/sign-in/")
        hand.fill(page.get_by_label("E-mail"), user.email)
        hand.fill(page.get_by_label("Password"), PASSWORD)
        hand.press(page.get_by_role("button", name="Sign in"))
        expect(page.get_by_role("navigation", name="Main", include_hidden=True)).to_be_attached()

    def sign_out(self, user: User) -> None:
        self.hand.show_menu()
        self.hand.press(self.page.get_by_role("button", name=str(user)))
        self.hand.press(self.page.get_by_role("button", name="Sign out"))
        expect(self.page.get_by_role("heading", name="Sign in to Engage")).to_be_visible()

    def build_audience(self) -> None:
        page, hand = self.page, self.hand
        hand.open(self.at("audiences/new/"))
        hand.fill(page.get_by_label("Name", exact=True), self.audience)
        hand.select(page.get_by_label("Field", exact=True), "transactions")
        if not self.scripts:
            hand.press(page.get_by_role("button", name="Next"))
        hand.fill(page.get_by_label("Number of transactions", exact=True), "1")
        if self.scripts:
            page.keyboard.press("Tab")
        else:
            hand.press(page.get_by_role("button", name="Count again"))
        expect(page.locator("#filter-side .big")).to_have_text(str(BUYERS))
        hand.press(page.get_by_role("button", name="Save audience"))
        expect(page.get_by_role("heading", name=self.audience)).to_be_visible()

    def make_campaign(self) -> None:
        page, hand = self.page, self.hand
        hand.follow("New campaign")
        hand.fill(page.get_by_label("Name", exact=True), self.campaign)
        hand.fill_date(page.get_by_label("End date"), (timezone.now() + timedelta(days=20)).date())
        hand.press(page.get_by_role("button", name="Save campaign").last)
        expect(page.get_by_role("heading", name=self.campaign)).to_be_visible()

    def write_message(self) -> None:
        page, hand = self.page, self.hand
        hand.press(page.get_by_role("link", name="New message").first)
        hand.fill(page.get_by_label("Title"), self.message)
        hand.choose(page.get_by_role("radio", name="E-mail"))
        hand.press(page.get_by_role("button", name="Create draft"))
        hand.choose(page.get_by_role("group", name=self.audience).get_by_role("radio", name="Include"))
        self._go_on("Content")
        subject = 'News for {{ customer.first_name | default: "you" }}'
        hand.fill(page.get_by_label("Subject"), subject)
        hand.fill(page.get_by_label("Body"), BODY)
        self._go_on("When does it go?")
        self._go_on("Delivery settings")
        self._go_on("Checklist")

    def _go_on(self, step: str) -> None:
        self.hand.press(self.page.get_by_role("button", name="Save and go on"))
        expect(self.page.get_by_role("heading", level=2, name=step)).to_be_visible()

    def submit(self) -> None:
        page = self.page
        page.locator("iframe[name=preview]").scroll_into_view_if_needed()
        expect(page.frame_locator("iframe[name=preview]").get_by_text("Hello")).to_be_visible()
        self.hand.press(page.get_by_role("button", name="Submit for approval"))
        expect(page.locator("#state .chip")).to_have_text("Awaiting approval")

    def approve(self) -> None:
        """What is approved is what this page showed: it carries the hash that was read."""
        page, hand = self.page, self.hand
        hand.follow("Approvals")
        hand.press(page.get_by_role("link", name=self.message).first)
        for part in ("Checklist", "To how many", "As the customer sees it"):
            expect(page.get_by_role("heading", name=part)).to_be_visible()
        hand.press(page.get_by_role("button", name="Approve"))
        expect(page.locator("#state")).to_contain_text("Until then nothing leaves")

    def wait_until_sent(self) -> None:
        """The page turns by itself, or is asked again where no script does."""
        state = self.page.locator("#state .chip")
        for _ in range(0 if self.scripts else SLOW // 1000):
            self.page.reload()
            if state.inner_text() == "Completed":
                break
            self.page.wait_for_timeout(1000)
        expect(state).to_have_text("Completed", timeout=SLOW)

    def to_approval(self) -> None:
        """All that the writer does."""
        self.sign_in(self.shop.writer)
        self.build_audience()
        self.make_campaign()
        self.write_message()
        self.submit()
        self.sign_out(self.shop.writer)
