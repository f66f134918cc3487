"""The text part of a mail, made from its HTML where the author wrote none (H-13)."""

from __future__ import annotations

import re
from html.parser import HTMLParser

from channels.email import css
from channels.email.html import VOID

_APART = frozenset(
    {"blockquote", "dl", "footer", "h1", "h2", "h3", "h4", "h5", "h6", "hr", "ol", "p", "table", "ul"}
)
_BLOCKS = _APART | frozenset(
    {
        "address",
        "article",
        "aside",
        "caption",
        "center",
        "dd",
        "div",
        "dt",
        "figcaption",
        "figure",
        "header",
        "main",
    }
    | {"nav", "pre", "section", "tr"}
)
ADDRESS = re.compile(r"https?://[^\s<>\"']+", re.IGNORECASE)
# What ends a sentence is not part of the address before it.
_TRAILING = ".,;:!?)]}’”"


class _Text(HTMLParser):
    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self._out: list[str] = []
        self._links: list[tuple[str, int]] = []
        self._open: list[tuple[str, bool]] = []  # elements and whether what stands in them is hidden

    def text(self) -> str:
        lines = [re.sub(r"[ \t\xa0]+", " ", line).strip() for line in "".join(self._out).split("\n")]
        return re.sub(r"\n{3,}", "\n\n", "\n".join(lines)).strip() + "\n"

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        if tag not in VOID:
            self._open.append((tag, self._hidden or "hidden" in given or css.hides(given.get("style") or "")))
        if self._hidden:
            return
        if tag in _BLOCKS:
            self._break(tag)
        elif tag == "br":
            self._out.append("\n")
        elif tag == "li":
            self._out.append("\n- ")
        elif tag == "td":
            self._out.append(" ")
        elif tag == "img" and given.get("alt"):
            self._out.append(str(given["alt"]))
        elif tag == "a":
            self._links.append((given.get("href") or "", len(self._out)))

    def handle_endtag(self, tag: str) -> None:
        hidden = self._hidden
        if self._open and self._open[-1][0] == tag:
            self._open.pop()
        if hidden:
            return
        if tag in _BLOCKS:
            self._break(tag)
        elif tag == "a" and self._links:
            address, begun = self._links.pop()
            shown = "".join(self._out[begun:]).strip()
            if address and not address.startswith("#") and shown != address:
                self._out.append(f" ({address})" if shown else address)

    def handle_data(self, data: str) -> None:
        if not self._hidden:
            self._out.append(re.sub(r"\s+", " ", data))

    @property
    def _hidden(self) -> bool:
        return bool(self._open) and self._open[-1][1]

    def _break(self, tag: str) -> None:
        self._out.append("\n\n" if tag in _APART else "\n")


def text_of(body: str) -> str:
    """Readable text of a cleaned body whose links are in place; marks stay where they are."""
    parser = _Text()
    parser.feed(body)
    parser.close()
    return parser.text()


def addresses(text: str) -> list[tuple[int, int]]:
    """Where web addresses stand in a text, without the punctuation that follows them."""
    return [
        (found.start(), found.start() + len(found[0].rstrip(_TRAILING))) for found in ADDRESS.finditer(text)
    ]
