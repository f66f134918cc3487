"""Opens and clicks that no person made."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from channels.machines import by_request, in_burst
from channels.tokens import HIDDEN_LINK

AT = datetime(2026, 3, 31, 12, 0, tzinfo=UTC)
PEOPLE = [
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/130.0 Safari/537.36",
    "Mozilla/5.0 (iPhone; CPU iPhone OS 18_0 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Mobile/15E148",
    "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18 Safari/605.1",
    "Mozilla/5.0 (Windows NT 5.1; rv:11.0) Gecko Firefox/11.0 (via ggpht.com GoogleImageProxy)",
    "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Thunderbird/140.0",
]
MACHINES = [
    "",
    "Mozilla/5.0",
    "Mozilla/5.0 (compatible; bingbot/2.0)",
    "Slackbot-LinkExpanding 1.0",
    "facebookexternalhit/1.1",
    "WhatsApp/2.23",
    "Barracuda Sentinel (EE)",
    "python-requests/2.32",
    "curl/8.0",
    "Mozilla/5.0 (X11; Linux x86_64) HeadlessChrome/120.0",
    "Mozilla/5.0 (Windows NT 6.1) SkypeUriPreview Preview/0.5",
    "Go-http-client/1.1",
]


@pytest.mark.parametrize("agent", PEOPLE)
def test_people_are_not_marked(agent: str) -> None:
    """H-24: neither is a proxy that loads a picture when its reader does."""
    assert not by_request(method="GET", user_agent=agent)


@pytest.mark.parametrize("agent", MACHINES)
def test_known_prefetchers_are_marked(agent: str) -> None:
    """H-24"""
    assert by_request(method="GET", user_agent=agent)


def test_a_head_request_a_prefetch_and_the_hidden_link_are_marked() -> None:
    """H-24"""
    assert by_request(method="HEAD", user_agent=PEOPLE[0])
    assert by_request(method="GET", user_agent=PEOPLE[0], purpose="prefetch;prerender")
    assert by_request(method="GET", user_agent=PEOPLE[0], link=HIDDEN_LINK)
    assert not by_request(method="GET", user_agent=PEOPLE[0], link=0)


def clicks(*seconds: float) -> list[tuple[int, datetime]]:
    return [(link, AT + timedelta(seconds=at)) for link, at in enumerate(seconds)]


def test_all_links_within_two_seconds_are_a_machines() -> None:
    """H-24"""
    assert in_burst(clicks(0, 1, 2), links=3)
    assert in_burst(reversed(clicks(0, 1, 2)), links=3)
    assert not in_burst(clicks(0, 1, 2.1), links=3)
    assert not in_burst(clicks(0, 1), links=3)
    assert not in_burst(clicks(0), links=1), "a single link shows nothing"


def test_an_early_click_does_not_hide_a_later_burst() -> None:
    """H-24"""
    burst = [(link, AT + timedelta(seconds=100 + link / 10)) for link in range(3)]

    assert in_burst([(0, AT), (1, AT + timedelta(seconds=30)), *burst], links=3)
