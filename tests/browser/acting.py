"""Three ways of acting on a page: with a mouse, by keyboard alone, with a finger on a phone."""

from __future__ import annotations

from datetime import date
from typing import Final

from playwright.sync_api import Locator, Page, expect

LONGEST: Final = 200  # presses of Tab before something counts as out of reach

HAS_FOCUS = """wanted => {
  const at = document.activeElement;
  return at === wanted || (wanted.type === "radio" && at.type === "radio" && at.name === wanted.name);
}"""
PRECEDES = (
    "wanted => !!(document.activeElement.compareDocumentPosition(wanted) & Node.DOCUMENT_POSITION_PRECEDING)"
)
# A radio of a segmented control is drawn by its label.
SHOWN = """() => {
  const at = document.activeElement, drawn = at.matches(".segments input") ? at.closest("label") : at;
  const style = getComputedStyle(drawn), box = drawn.getBoundingClientRect();
  const outlined = style.outlineStyle !== "none" && parseFloat(style.outlineWidth) >= 2;
  const above = document.elementFromPoint(box.x + box.width / 2, box.y + Math.min(box.height, 30) / 2);
  return outlined && drawn.contains(above);
}"""


class Mouse:
    """How most people act; the other ways differ in what they override."""

    def __init__(self, page: Page) -> None:
        self.page = page

    def open(self, address: str) -> None:
        self.page.goto(address)

    def press(self, target: Locator) -> None:
        target.click()

    def choose(self, radio: Locator) -> None:
        self.press(radio.locator("xpath=ancestor::label"))
        expect(radio).to_be_checked()

    def fill(self, field: Locator, text: str) -> None:
        field.fill(text)

    def fill_date(self, field: Locator, day: date) -> None:
        field.fill(day.isoformat())

    def select(self, field: Locator, value: str) -> None:
        field.select_option(value)

    def show_menu(self) -> None:
        """The main menu and the person's own stand beside every page."""

    def follow(self, place: str) -> None:
        """Go where the main menu leads."""
        self.show_menu()
        menu = self.page.get_by_role("navigation", name="Main")
        self.press(menu.get_by_role("link", name=place))


class Finger(Mouse):
    """Taps on a phone, whose menu is behind a button. No page is wider than the screen."""

    def press(self, target: Locator) -> None:
        target.tap()

    def open(self, address: str) -> None:
        super().open(address)
        self.fits()

    def fits(self) -> None:
        over = self.page.evaluate("document.documentElement.scrollWidth - screen.width")
        assert over <= 0, f"{self.page.url} is {over} px wider than the screen"

    def show_menu(self) -> None:
        self.fits()
        self.press(self.page.get_by_role("button", name="More", exact=True))


class Keys(Mouse):
    """Tab, Enter, Space, arrows and letters. What has the focus shows it, and nothing stands over it."""

    def __init__(self, page: Page) -> None:
        super().__init__(page)
        self.fresh = True
        page.on("framenavigated", lambda frame: self._arrive() if frame == page.main_frame else None)

    def _arrive(self) -> None:
        self.fresh = True

    def reach(self, target: Locator) -> None:
        expect(target).to_be_visible()
        self._enter(target)
        step = "Shift+Tab" if target.evaluate(PRECEDES) else "Tab"
        for _ in range(LONGEST):
            if target.evaluate(HAS_FOCUS):
                break
            self.page.keyboard.press(step)
        else:
            raise AssertionError(f"no key leads to {target}")
        assert self.page.evaluate(SHOWN), f"the focus cannot be seen on {target}"

    def _enter(self, target: Locator) -> None:
        """A page that was just opened has the link past its menu as the first stop."""
        fresh, self.fresh = self.fresh, False
        if not fresh or self.page.locator(":focus").count():
            return
        self.page.wait_for_load_state()
        self.page.keyboard.press("Tab")
        skip = self.page.get_by_role("link", name="Skip to content")
        expect(skip).to_be_focused()
        expect(skip).to_be_in_viewport(ratio=1)
        if target.evaluate("wanted => !!wanted.closest('main')"):
            self.page.keyboard.press("Enter")
            expect(self.page.locator("main")).to_be_focused()

    def press(self, target: Locator) -> None:
        self.reach(target)
        self.page.keyboard.press("Enter")

    def choose(self, radio: Locator) -> None:
        self.reach(radio)
        self.page.keyboard.press("Space")
        for _ in range(LONGEST):
            if radio.is_checked():
                return
            self.page.keyboard.press("ArrowDown")
        raise AssertionError(f"no key chooses {radio}")

    def fill(self, field: Locator, text: str) -> None:
        self.reach(field)
        self.page.keyboard.press("Control+a")
        self.page.keyboard.type(text)
        expect(field).to_have_value(text)

    def fill_date(self, field: Locator, day: date) -> None:
        self.reach(field)
        self.page.keyboard.type(f"{day:%m%d%Y}")
        expect(field).to_have_value(day.isoformat())

    def select(self, field: Locator, value: str) -> None:
        """Open the list, go down to the value, take it."""
        self.reach(field)
        far = field.evaluate(
            "(list, value) => [...list.options].findIndex(one => one.value === value) - list.selectedIndex",
            value,
        )
        self.page.keyboard.press("Space")
        for _ in range(far):
            self.page.keyboard.press("ArrowDown")
        self.page.keyboard.press("Enter")

    def follow(self, place: str) -> None:
        """By the palette; closed without a choice it gives the focus back."""
        palette = self.page.get_by_role("dialog", name="Search or jump to")
        opener = self.page.get_by_role("button", name="Search or jump to…")
        self.reach(opener)
        self.page.keyboard.press("Enter")
        expect(palette.get_by_role("combobox")).to_be_focused()
        self.page.keyboard.press("Escape")
        expect(palette).to_be_hidden()
        expect(opener).to_be_focused()
        self.page.keyboard.press("Control+k")
        expect(palette.get_by_role("combobox")).to_be_focused()
        self.page.keyboard.type(place)
        expect(palette.get_by_role("option").filter(visible=True)).to_have_count(1)
        self.page.keyboard.press("Enter")
