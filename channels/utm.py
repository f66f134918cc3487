"""Values for web analytics, added to links where they are missing (H-23)."""

from __future__ import annotations

import re
from dataclasses import dataclass
from urllib.parse import quote

DEFAULT_SOURCE = "engage"


@dataclass(frozen=True, slots=True)
class Utm:
    """`source` is the campaign's, empty for the default; `content` is the message's or the variant's name."""

    medium: str
    campaign: str
    content: str
    source: str = ""

    def values(self) -> dict[str, str]:
        return {
            "utm_source": _plain(self.source or DEFAULT_SOURCE),
            "utm_medium": _plain(self.medium),
            "utm_campaign": _plain(self.campaign),
            "utm_content": _plain(self.content),
        }


def with_utm(url: str, utm: Utm | None) -> str:
    """`url` with the values it lacks; everything else in it stays letter for letter."""
    if utm is None:
        return url
    address, hash_sign, fragment = url.partition("#")
    _, _, query = address.partition("?")
    present = {pair.partition("=")[0].lower() for pair in re.split("[&;]", query)}
    missing = [
        f"{name}={quote(value)}" for name, value in utm.values().items() if name not in present and value
    ]
    if not missing:
        return url
    joint = "&" if query else "" if address.endswith("?") else "?"
    return f"{address}{joint}{'&'.join(missing)}{hash_sign}{fragment}"


def _plain(text: str) -> str:
    return re.sub(r"\s+", "_", text.strip().lower())
