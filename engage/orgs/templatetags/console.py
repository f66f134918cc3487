"""Tags of the console, known to every template: numbers, money, time in the org's own way; icons; attributes.

The tags read `org` from the page. Outside any org (sign-in, errors) they write UTC, euro, English.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from datetime import date, datetime
from functools import lru_cache
from typing import Any, Final

import heroicons
from django import template
from django.forms import BaseForm
from django.http import QueryDict
from django.template import Context
from django.utils.html import conditional_escape, format_html, format_html_join
from django.utils.safestring import SafeString, mark_safe

from engage.orgs import charts, formatting
from engage.orgs.formatting import Number, Style

register = template.Library()

_ATTRIBUTE_NAME: Final = re.compile(r"[a-zA-Z_][-\w:.]*")


def style_of(context: Context) -> Style:
    """How the page's org writes; plain outside any org."""
    style: Style = getattr(context.get("org"), "settings", None) or formatting.PLAIN
    return style


def _given(value: Any) -> Any:
    """A name that a page or component leaves out reaches a tag as an empty text."""
    return None if value == "" else value


@register.simple_tag(takes_context=True)
def number(context: Context, value: Number | None, places: int = 0) -> str:
    return formatting.number(_given(value), style_of(context), places=places)


@register.simple_tag(takes_context=True)
def compact(context: Context, value: Number | None) -> str:
    return formatting.compact(_given(value), style_of(context))


@register.simple_tag(takes_context=True)
def money(context: Context, minor: int | None, currency: str = "") -> str:
    return formatting.money(_given(minor), style_of(context), currency=currency)


@register.simple_tag(takes_context=True)
def money_compact(context: Context, minor: int | None, currency: str = "") -> str:
    return formatting.money_compact(_given(minor), style_of(context), currency=currency)


@register.simple_tag(takes_context=True)
def percent(context: Context, value: Number | None) -> str:
    """Of a value that is already a percentage (96.8, not 0.968)."""
    return formatting.percent(_given(value), style_of(context))


@register.simple_tag(takes_context=True)
def points(context: Context, value: Number | None) -> str:
    return formatting.points(_given(value), style_of(context))


@register.simple_tag(takes_context=True)
def signed(context: Context, value: Number | None, places: int = 0) -> str:
    return formatting.signed(_given(value), style_of(context), places=places)


@register.simple_tag(takes_context=True)
def day(context: Context, on: date | datetime | None) -> str:
    return formatting.day(_given(on), style_of(context))


@register.simple_tag(takes_context=True)
def clock(context: Context, at: datetime | None) -> str:
    """The time of day, for what happened just now."""
    style = style_of(context)
    at = _given(at)
    return _time_element(at, formatting.clock(at, style), style) if at else formatting.DASH


@register.simple_tag(takes_context=True)
def instant(context: Context, at: datetime | None, zone: str = "") -> str:
    """A `<time>` in Org time (or `zone`), its title to the second; the reader's own time on demand (Q-32)."""
    style = style_of(context)
    at = _given(at)
    return _time_element(at, formatting.instant(at, style, zone=zone), style, zone) if at else formatting.DASH


def _time_element(at: datetime, text: str, style: Style, zone: str = "") -> SafeString:
    full = formatting.instant_in_full(at, style, zone=zone)
    return format_html('<time datetime="{}" title="{}">{}</time>', formatting.iso(at), full, text)


@register.filter
def dash(value: object) -> object:
    """What is missing or empty reads as a dash; 0 stays 0 (M-04)."""
    return formatting.DASH if value is None or value == "" else value


@register.simple_tag
def icon(name: str, size: int = 16, tone: str = "", kind: str = "mini", label: str = "") -> SafeString:
    """An inline SVG. Decoration unless `label` says what it means."""
    picture = _icon(str(name), int(size), str(tone), str(kind))
    return format_html('{}<span class="hidden-text">{}</span>', picture, label) if label else picture


@lru_cache(maxsize=512)
def _icon(name: str, size: int, tone: str, kind: str) -> SafeString:
    # Drawing one takes about a tenth of a millisecond, and a list shows hundreds.
    drawn = heroicons._render_icon(kind, name, size, {"class": f"icon {tone}".strip(), "aria-hidden": "true"})
    return mark_safe(drawn)  # noqa: S308 - the icon set's own markup; attributes are serialised by ElementTree


@register.filter
def html_attrs(attrs: Any) -> SafeString:
    """What a component passes on: `<a {{ attrs|html_attrs }}>`.

    Cotton's own `{{ attrs }}` does not escape values and prints `disabled="False"`; no template uses it (a test
    says so). Here None and False leave the attribute out, True writes its name alone.
    """
    given: Mapping[str, Any] = attrs.attrs_dict() if hasattr(attrs, "attrs_dict") else attrs
    kept = ((name, value) for name, value in given.items() if value is not None and value is not False)
    return format_html_join(" ", "{}", ((_attribute(name, value),) for name, value in kept))


def _attribute(name: str, value: Any) -> SafeString:
    if not _ATTRIBUTE_NAME.fullmatch(name):
        raise ValueError(f"{name!r} is not the name of an attribute")
    if value is True:
        return format_html("{}", name)
    # Text that is safe as HTML may still hold a quote, which would end the attribute.
    quoted = conditional_escape(value).replace('"', "&quot;")
    return format_html('{}="{}"', name, mark_safe(quoted))  # noqa: S308 - escaped in the line above


@register.filter
def error_links(form: BaseForm) -> list[dict[str, str]]:
    """Every error of a form with the address of its field, in the order of the page, for the summary."""
    links = [{"text": str(text), "href": "", "label": ""} for text in form.non_field_errors()]
    for field in form:
        target = f"{field.auto_id}_0" if field.use_fieldset else field.id_for_label
        links += [
            {
                "text": str(text),
                "href": "" if field.is_hidden else f"#{target}",
                "label": str(field.label or ""),
            }
            for text in field.errors
        ]
    return links


@register.filter
def initials(name: str) -> str:
    return "".join(word[0] for word in str(name).split()[:2]).upper()


@register.filter
def on_tabbar(menu: Sequence[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """The four places a phone shows; the rest is under "More". Making something new is not a place."""
    return [item for item in menu if not item["makes"]][:4]


@register.simple_tag
def bar(value: float | None, total: float | None, tone: str = "brand") -> SafeString:
    """A thin bar beside its number, which says the same in words."""
    if not value or not total:
        return charts.split([], label="")
    return charts.split([(tone, value), ("none", max(total - value, 0))], label="")


@register.simple_tag(takes_context=True)
def query(context: Context, **changes: object) -> str:
    """The page's own query with changes (None removes one), also inside components: `{% query status="draft" %}`."""
    kept: QueryDict = context["request"].GET.copy()
    for key, value in changes.items():
        kept.pop(key, None)
        if value is not None and value != "":
            kept[key] = str(value)
    return "?" + kept.urlencode()
