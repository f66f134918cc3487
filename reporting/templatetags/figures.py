"""Figures with their doubt, in the org's writing."""

from __future__ import annotations

from typing import Any

from django import template
from django.template import Context

from campaigns.funnel import STEPS
from engage.orgs import formatting
from reporting import statistics
from reporting.definitions import DEFINITIONS, Definition
from reporting.statistics import Interval

register = template.Library()

TONES = {statistics.MORE: "ok", statistics.LESS: "bad", statistics.NO_DIFFERENCE: "plain"}
# Where a code is no step of the funnel: what the pages call it (H-39, C-23).
REASONS = {
    "sender_rejected": "Sender not accepted",
    "auth_failed": "Credentials refused",
    "template_error": "Differs from the approved template",
    "content_rejected": "Content refused",
    "address_refused": "Address refused by the provider",
    "retries_exhausted": "Provider busy or unreachable too long",
    "no_answer": "No answer from the provider",
    "stopped": "Stopped by a person",
    "campaign_ended": "The campaign ended",
    "too_late": "Too late",
}


@register.simple_tag(takes_context=True)
def share(context: Context, value: Any) -> str:
    """A share as percent; a dash for None, and for what a template did not find."""
    style = getattr(context.get("org"), "settings", formatting.PLAIN)
    if value is None or value == "":
        return formatting.DASH
    return formatting.percent(100 * value, style)


@register.simple_tag(takes_context=True)
def lift(context: Context, found: Interval | None) -> str:
    """A lift in points with its bounds."""
    style = getattr(context.get("org"), "settings", formatting.PLAIN)
    if not isinstance(found, Interval):
        return formatting.DASH
    low, high = (formatting.number(100 * bound, style, places=2) for bound in (found.low, found.high))
    return f"{formatting.points(100 * found.value, style)} ({low} to {high})"


@register.filter
def verdict_tone(verdict: str) -> str:
    return TONES.get(verdict, "warn")


@register.filter
def cause_of(code: Any) -> str:
    """A reason's code in words."""
    return STEPS.get(str(code)) or REASONS.get(str(code)) or str(code).replace("_", " ").capitalize()


@register.simple_tag
def definition_of(key: str) -> Definition:
    """What a number means, for a page of another app that shows it: `{% definition_of "hit_rate" as it %}`."""
    return DEFINITIONS[key]
