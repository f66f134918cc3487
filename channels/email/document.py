"""The HTML of a mail: the author's cleaned body in our frame, with links numbered and slots still marked."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from html import escape, unescape
from html.parser import HTMLParser

from channels.email import css
from channels.email.html import UNTRACKED, VOID, Clean

_BLANK = "\u200b\u200c\ufeff \n\t\r\xa0"
_ADDRESSES = frozenset({"src", "background"})
_PREHEADER = "display:none;max-height:0;overflow:hidden;mso-hide:all"
_FOOTER = (
    "padding:16px;font-family:Arial,Helvetica,sans-serif;font-size:12px;line-height:18px;color:#666666;"
    "text-align:center"
)


@dataclass(frozen=True, slots=True)
class Frame:
    """What stands around the author's body; `preview` and `footer` are HTML already."""

    language: str
    title: str
    preview: str
    footer: str
    open_pixel: str
    hidden_link: str


@dataclass
class _Open:
    """An element that is open while the body is walked."""

    tag: str
    hidden: bool
    tiny: bool
    unsubscribe: bool = False


class Body(HTMLParser):
    """Walks a cleaned body (it is well-formed): rewrites links, and sees whether the opt-out link is visible."""

    def __init__(
        self,
        cleaned: Clean,
        *,
        place: Callable[[str, bool], str],
        image: Callable[[str], str],
        unsubscribe: str,
    ) -> None:
        super().__init__(convert_charrefs=False)
        self._hiding = cleaned.hiding
        self._place = place
        self._image = image
        self._unsubscribe = unsubscribe
        self._out: list[str] = []
        self._open: list[_Open] = []
        self.unsubscribe_visible = False
        self.images_without_text = 0
        self.has_content = False
        self.feed(cleaned.body)
        self.close()

    def html(self) -> str:
        return "".join(self._out)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attrs}
        above = self._open[-1] if self._open else _Open("", hidden=False, tiny=False)
        element = _Open(tag, above.hidden or self._hides(tag, given), above.tiny, above.unsubscribe)
        shrinks = css.shrinks(given.get("style", ""))
        element.tiny = element.tiny if shrinks is None else shrinks
        if tag in {"a", "area"} and "href" in given:
            given["href"] = self._place(given["href"], given.pop(UNTRACKED, "") != "off")
            element.unsubscribe = given["href"] == self._unsubscribe
        for name in _ADDRESSES & given.keys():
            given[name] = self._image(given[name])
        if tag == "img":
            self._see_image(element, given)
        written = "".join(f' {name}="{escape(value)}"' for name, value in given.items())
        self._out.append(f"<{tag}{written}>")
        if tag not in VOID:
            self._open.append(element)

    def handle_endtag(self, tag: str) -> None:
        if tag in VOID:
            return
        self._out.append(f"</{tag}>")
        if self._open and self._open[-1].tag == tag:
            self._open.pop()

    def handle_data(self, data: str) -> None:
        self._see(data)
        self._out.append(data)

    def handle_entityref(self, name: str) -> None:
        self._see(unescape(f"&{name};"))
        self._out.append(f"&{name};")

    def handle_charref(self, name: str) -> None:
        self.handle_entityref(f"#{name}")

    def _see(self, text: str) -> None:
        if not text.strip(_BLANK):
            return
        self.has_content = True
        above = self._open[-1] if self._open else None
        if above and above.unsubscribe and not above.hidden and not above.tiny:
            self.unsubscribe_visible = True

    def _see_image(self, element: _Open, given: dict[str, str]) -> None:
        self.has_content = True
        if "alt" not in given:
            self.images_without_text += 1
        if element.unsubscribe and not element.hidden and given.get("alt", "").strip():
            self.unsubscribe_visible = True

    def _hides(self, tag: str, given: dict[str, str]) -> bool:
        if "hidden" in given or css.hides(given.get("style", "")):
            return True
        classes, identity = given.get("class", "").split(), given.get("id", "")
        return any(css.matches(selector, tag, classes, identity) for selector in self._hiding)


def framed(body: str, cleaned: Clean, frame: Frame) -> str:
    """The whole document."""
    style = f"<style>{cleaned.css}</style>" if cleaned.css else ""
    preview = f'<div style="{_PREHEADER}">{frame.preview}</div>' if frame.preview else ""
    return (
        f'<!DOCTYPE html><html lang="{escape(frame.language)}"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width,initial-scale=1">'
        f"<title>{escape(frame.title)}</title>{style}</head>\n"
        f'<body style="{escape(cleaned.body_style)}">{preview}\n{body}\n'
        f'<div style="{_FOOTER}">{frame.footer}</div>{_hidden(frame.hidden_link)}{_pixel(frame.open_pixel)}\n'
        "</body></html>\n"
    )


def _pixel(address: str) -> str:
    return f'<img src="{address}" width="1" height="1" alt="" style="display:block">' if address else ""


def _hidden(address: str) -> str:
    """A link no person sees: whoever follows it is a machine (H-24)."""
    return (
        f'<a href="{address}" style="display:none" tabindex="-1" aria-hidden="true"></a>' if address else ""
    )
