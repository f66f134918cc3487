"""Foreign HTML made fit for a mail: what runs, asks or embeds goes, and the author is told what went (H-13)."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from html.parser import HTMLParser

import nh3

from channels.email.css import Styles
from channels.links import names_a_site

VOID = frozenset({"area", "br", "col", "hr", "img", "wbr"})
UNTRACKED = "data-track"  # an author's `data-track="off"` on a link keeps it as it is (H-20)


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


_TAGS = _words(
    """a abbr address area article aside b bdi bdo big blockquote br caption center cite code col colgroup dd
    del dfn div dl dt em figcaption figure font footer h1 h2 h3 h4 h5 h6 header hr i img ins kbd li main map
    mark nav ol p pre q s samp section small span strike strong sub sup table tbody td tfoot th thead time tr
    tt u ul var wbr
    """
)
# Gone with all that stands in them; other unknown elements lose their tags and keep their text.
_EMPTIED = _words(
    """script style title iframe frame frameset object embed applet noscript noframes template svg math select
    textarea audio video canvas"""
)
# Part of every document, replaced by the frame the mail is built in: nothing the author lost.
_FRAME = frozenset({"html", "head", "body", "meta", "title", "style"})
_EVERYWHERE = _words(
    """style class id align valign bgcolor background width height dir lang title role border color
    hidden"""
)
_ATTRIBUTES = {
    "*": set(_EVERYWHERE),
    "a": {"href", "name", "target", UNTRACKED},
    "area": {"href", "alt", "coords", "shape", UNTRACKED},
    "img": {"src", "alt", "hspace", "vspace", "usemap"},
    "map": {"name"},
    "table": {"cellpadding", "cellspacing", "summary"},
    "td": {"colspan", "rowspan", "nowrap"},
    "th": {"colspan", "rowspan", "nowrap", "scope"},
    "font": {"face", "size"},
    "ol": {"start", "type"},
    "ul": {"type"},
    "col": {"span"},
    "colgroup": {"span"},
    "time": {"datetime"},
}
_SCHEMES = {"http", "https", "mailto", "tel"}


@dataclass(frozen=True, slots=True)
class Clean:
    """`css` is the author's style sheets, `body_style` what stood on `<body>`; `hiding` the selectors that
    hide.
    """

    body: str
    css: str
    body_style: str
    hiding: frozenset[str]
    removed: tuple[str, ...]
    broken: tuple[str, ...]


def clean(source: str) -> Clean:
    survey = _Survey()
    survey.feed(source)
    survey.close()
    styles = Styles()
    css = styles.sheet("\n".join(survey.sheets))
    body_style = styles.declarations(survey.body_style)

    def keep(_tag: str, attribute: str, value: str) -> str | None:
        if attribute == "style":
            return styles.declarations(value) or None
        return value

    body = nh3.clean(
        source,
        tags=set(_TAGS),
        clean_content_tags=set(_EMPTIED),
        attributes=_ATTRIBUTES,
        generic_attribute_prefixes={"aria-"},
        attribute_filter=keep,
        url_schemes=_SCHEMES,
        link_rel=None,
    )
    removed = [*survey.removed(), *_counted(styles.dropped)]
    return Clean(body, css, body_style, frozenset(styles.hiding), tuple(removed), tuple(survey.broken))


class _Survey(HTMLParser):
    """Reads the author's HTML for what will go, and for the styles that are cleaned apart."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.sheets: list[str] = []
        self.body_style = ""
        self.broken: list[str] = []
        self._gone: list[str] = []
        self._in_style = False

    def removed(self) -> list[str]:
        return _counted(self._gone)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self._in_style = tag == "style"
        if tag == "body":
            self.body_style = _body_style(dict(attrs))
        if tag not in _TAGS | _FRAME:
            self._gone.append(f"<{tag}>")
            return
        for name, value in attrs:
            self._judge(tag, name, (value or "").strip().lower())

    def handle_endtag(self, tag: str) -> None:
        if tag == "style":
            self._in_style = False

    def handle_data(self, data: str) -> None:
        if self._in_style:
            self.sheets.append(data)

    def _judge(self, tag: str, name: str, value: str) -> None:
        if name.startswith("on"):
            self._gone.append(f"{name} of <{tag}>")
        elif name in {"href", "src", "background"} and _foreign_scheme(value):
            self._gone.append(f"the address “{value[:30]}” of <{tag}>")
        elif name == "href" and value.startswith(("http:", "https:")) and not names_a_site(value):
            self.broken.append(value[:80])


def _foreign_scheme(value: str) -> bool:
    scheme, colon, _ = "".join(value.split()).partition(":")
    return bool(colon) and scheme.replace("+", "").isalnum() and scheme not in _SCHEMES


def _body_style(attrs: dict[str, str | None]) -> str:
    colour = attrs.get("bgcolor")
    return ";".join(filter(None, [f"background-color:{colour}" if colour else "", attrs.get("style") or ""]))


def _counted(items: list[str]) -> list[str]:
    return [f"{item} ({count} times)" if count > 1 else item for item, count in Counter(items).items()]
