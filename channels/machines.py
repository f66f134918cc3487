"""Which opens and clicks were made by machines (H-24). They are kept and marked; no rate or anchor counts
them.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from datetime import datetime, timedelta

from channels.tokens import HIDDEN_LINK

BURST = timedelta(seconds=2)
# Programs that open or follow before a person does: link scanners, previews of chat programs, prefetching
# proxies.
_PREFETCHERS = re.compile(
    r"bot\b|bots?/|crawler|spider|preview|prefetch|scanner|monitor|validator|headless|phantomjs|"
    r"facebookexternalhit|whatsapp|telegram|slack|discord|skypeuri|embedly|quora link|"
    r"barracuda|mimecast|proofpoint|urldefense|ironport|fireeye|trendmicro|symantec|sophos|forcepoint|cloudmark|"
    r"safelinks|google-safety|googleassociationservice|bingpreview|"
    r"python-|curl/|wget/|go-http-client|java/|okhttp|apache-httpclient|libwww|aiohttp|axios|node-fetch|ruby",
    re.IGNORECASE,
)
# What a mail program's privacy proxy sends: it loads every picture at delivery, read or not.
_PRIVACY_PROXY = "Mozilla/5.0"


def by_request(*, method: str, user_agent: str, purpose: str = "", link: int | None = None) -> bool:
    """Whether the request alone shows a machine. `purpose` is the header `Sec-Purpose` or `Purpose`."""
    if (
        method == "HEAD"
        or link == HIDDEN_LINK
        or "prefetch" in purpose.lower()
        or "preview" in purpose.lower()
    ):
        return True
    agent = user_agent.strip()
    return not agent or agent == _PRIVACY_PROXY or bool(_PREFETCHERS.search(agent))


def in_burst(clicks: Iterable[tuple[int, datetime]], links: int) -> bool:
    """Whether the clicks of one Delivery show all its links followed within two seconds.

    `links` is how many different links it holds; a single link shows nothing.
    """
    if links < 2:
        return False
    ordered = sorted(clicks, key=lambda click: click[1])
    latest: dict[int, datetime] = {}
    for link, at in ordered:
        latest[link] = at
        if len(latest) >= links and at - min(latest.values()) <= BURST:
            return True
    return False
