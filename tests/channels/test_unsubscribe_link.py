"""A promotional mail is complete only with an opt-out link that can be seen."""

from __future__ import annotations

import re

import pytest

from channels import tokens
from tests.channels.contents import UNSUBSCRIBE, email, facts, parsed, part, refused

VISIBLE = [
    UNSUBSCRIBE,
    f'<div style="font-size:0"><p style="font-size:12px">{UNSUBSCRIBE}</p></div>',
    '<a href="{{ unsubscribe }}"><img src="https://c.example.com/a.png" alt="Unsubscribe"></a>',
    '<a href="{{unsubscribe}}"><span><b>Opt</b> out</span></a>',
    f"<style>.x{{display:none}}</style><p class=y>{UNSUBSCRIBE}</p>",
    f"<style>@media (max-width:600px){{p{{display:none}}}}</style><p>{UNSUBSCRIBE}</p>",
    f'<p style="display:none">hidden</p>{UNSUBSCRIBE}',
]
HIDDEN = [
    "",
    f"<!-- {UNSUBSCRIBE} -->",
    f"<script>{UNSUBSCRIBE}</script>",
    f'<div style="display:none">{UNSUBSCRIBE}</div>',
    f'<div style="DISPLAY : NONE !important">{UNSUBSCRIBE}</div>',
    f'<div style="visibility:hidden"><p>{UNSUBSCRIBE}</p></div>',
    f'<div style="max-height:0;overflow:hidden">{UNSUBSCRIBE}</div>',
    f'<div style="opacity:0">{UNSUBSCRIBE}</div>',
    f'<div style="font-size:0px">{UNSUBSCRIBE}</div>',
    f"<div hidden>{UNSUBSCRIBE}</div>",
    f'<style>.gone{{display:none}}</style><div class="a gone">{UNSUBSCRIBE}</div>',
    f"<style>#gone, x{{visibility:hidden}}</style><div id=gone>{UNSUBSCRIBE}</div>",
    '<a href="{{ unsubscribe }}"></a>',
    '<a href="{{ unsubscribe }}">&nbsp;&#8203; </a>',
    '<a href="{{ unsubscribe }}"><img src="https://c.example.com/a.png" alt=""></a>',
    '<a href="{{ unsubscribe }}" style="display:none">Unsubscribe</a>',
    '<a href="{{ unsubscribe }}"><span style="display:none">Unsubscribe</span></a>',
    "Unsubscribe at {{ unsubscribe }}",
    '<a href="https://shop.example.com/unsubscribe">Unsubscribe</a>',
]


@pytest.mark.parametrize("link", VISIBLE)
def test_a_link_that_can_be_seen_completes_a_promotional_mail(link: str) -> None:
    """H-14, Q-16"""
    compiled = email(f"<p>News</p>{link}", opt_out=False)
    html = part(parsed(compiled), "html")

    (address,) = set(re.findall(r'href="https://t\.example\.com/u/([\w-]+)"', html))
    assert tokens.read_unsubscribe(address).customer == 5


@pytest.mark.parametrize("link", HIDDEN)
def test_a_link_that_nobody_sees_does_not_count(link: str) -> None:
    """H-14, Q-16: in a comment, a hidden block, without words, or not the opt-out at all."""
    assert "unsubscribe_missing" in refused(lambda: email(f"<p>News</p>{link}", opt_out=False))


def test_a_service_mail_needs_none() -> None:
    """H-14"""
    assert email("<p>Your receipt</p>", opt_out=False, run=facts(promotional=False)).problem([]) is None


def test_the_opt_out_link_is_neither_tracked_nor_tagged() -> None:
    """H-20, H-22: it serves its one purpose."""
    compiled = email('<a href="https://shop.example.com">Shop</a>')

    assert len(compiled.links) == 1
    assert "utm_" not in part(parsed(compiled), "html")


@pytest.mark.parametrize("address", ["https://x.example/?to={{ unsubscribe }}", "{{ unsubscribe }}&a=1"])
def test_the_tag_is_a_whole_address(address: str) -> None:
    """H-17: a link around it could change what it means."""
    assert "broken_link" in refused(lambda: email(f'<a href="{address}">x</a>'))


def test_the_tag_has_no_place_in_a_subject() -> None:
    """H-17"""
    assert "misplaced_tag" in refused(lambda: email(subject="Stop: {{ unsubscribe }}"))
