"""An entry of the audit trail in words, for templates."""

from __future__ import annotations

from django import template

from engage.orgs import deeds
from engage.orgs.deeds import Change
from engage.orgs.models import AuditEntry

register = template.Library()


@register.filter
def deed(entry: AuditEntry) -> str:
    return deeds.told(entry.action)


@register.filter
def why(entry: AuditEntry) -> str:
    return deeds.in_words(entry.reason)


@register.filter
def changes(entry: AuditEntry) -> list[Change]:
    return deeds.changes(entry.before, entry.after)
