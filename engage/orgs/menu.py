"""The main menu (T-34): each app adds its lines, this module orders them and shows what the rights allow."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from django.urls import reverse

if TYPE_CHECKING:
    # Apps add their lines before any model is loaded.
    from engage.orgs.access import Access

Count = Callable[["Access"], int]


@dataclass(frozen=True)
class Entry:
    """A line of the menu.

    `section` is the first part of the addresses that belong to it; `count` is asked on every page, so it must be cheap.
    `makes`: it begins something new rather than leads to a place; its `section` is empty.
    """

    position: int
    label: str
    url_name: str
    section: str
    icon: str
    right: str
    count: Count | None = None
    makes: bool = False


_entries: dict[str, Entry] = {}


def add(entry: Entry) -> None:
    """Called once by each app when it is ready."""
    _entries[entry.url_name] = entry


def menu_for(access: Access, path: str) -> list[dict[str, object]]:
    """The lines that the rights allow, in order, with the current one marked."""
    section = path.removeprefix(f"/o/{access.org.slug}/").split("/", 1)[0]
    return [
        {
            "label": entry.label,
            "url": reverse(entry.url_name, kwargs={"org": access.org.slug}),
            "icon": entry.icon,
            "current": entry.section == section,
            "count": entry.count(access) if entry.count else None,
            "makes": entry.makes,
        }
        for entry in sorted(_entries.values(), key=lambda entry: entry.position)
        if access.may(entry.right)
    ]
