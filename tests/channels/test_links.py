"""Tracked links, their exact targets, and the values for web analytics."""

from __future__ import annotations

import re
from datetime import date
from html import unescape

import pytest
from hypothesis import given
from hypothesis import strategies as st

from channels import tokens
from channels.utm import Utm, with_utm
from tests.channels.contents import email, facts, parsed, part, refused, sms, values

UTM = Utm(medium="email", campaign="Summer Sale", content="Variant A")


def tracked(html: str) -> list[tuple[int, int]]:
    """(seq, link) of every tracked link in a mail, in order, without the hidden one."""
    found = [tokens.read_link(token) for token in re.findall(r"https://t\.example\.com/c/([\w-]+)", html)]
    return [(key.seq, link) for key, link in found if link != tokens.HIDDEN_LINK]


def test_each_web_link_becomes_a_signed_one_of_this_delivery() -> None:
    """H-20: the same target has one number, in HTML and text."""
    compiled = email(
        '<a href="https://a.example/x">a</a><a href="https://b.example/?q=1&amp;r=2">b</a>'
        '<a href="https://a.example/x">again</a>'
    )
    message = parsed(compiled, seq=77)

    assert tracked(part(message, "html")) == tracked(part(message, "plain")) == [(77, 0), (77, 1), (77, 0)]
    assert [link.target((), ()) for link in compiled.links] == [
        "https://a.example/x",
        "https://b.example/?q=1&r=2",
    ]
    assert "a.example" not in part(message, "html")


@pytest.mark.parametrize(
    "link",
    [
        '<a href="mailto:a@example.com?subject=x">x</a>',
        '<a href="tel:+4420">x</a>',
        '<a href="#top">x</a>',
        '<a href="https://a.example/x" data-track="off">x</a>',
    ],
)
def test_some_links_are_left_as_they_are(link: str) -> None:
    """H-20: mail, telephone, anchors, and links untracked by choice."""
    compiled = email(link)
    html = part(parsed(compiled), "html")

    assert compiled.links == ()
    assert unescape(link.partition('"')[2].partition('"')[0]) in unescape(html)
    assert "data-track" not in html


def test_without_link_tracking_links_lead_straight_there() -> None:
    """H-20, H-23: the values for web analytics are added all the same."""
    compiled = email('<a href="https://a.example/x">a</a>', run=facts(track_links=False, utm=UTM))
    html = unescape(part(parsed(compiled), "html"))

    assert compiled.links == ()
    assert (
        "https://a.example/x?utm_source=engage&utm_medium=email&utm_campaign=summer_sale&utm_content=variant_a"
        in html
    )
    assert "/c/" not in html


@pytest.mark.parametrize("address", ["/relative", "www.example.com", "https://", "http://?x", "x"])
def test_a_broken_link_blocks(address: str) -> None:
    """H-20"""
    assert "broken_link" in refused(lambda: email(f'<p>x <a href="{address}">x</a></p>'))


def test_a_link_may_hold_values_and_still_lead_there_exactly() -> None:
    """H-06, H-20, Q-27: a value cannot change where a link leads."""
    compiled = email('<a href="https://a.example/{{ customer.city }}?n={{ customer.first_name }}#x">x</a>')
    (link,) = compiled.links

    given_values = values(compiled, customer__city="../São Paulo", customer__first_name="a&b=c#d")
    assert (
        link.target(given_values, compiled.slots)
        == "https://a.example/..%2FS%C3%A3o%20Paulo?n=a%26b%3Dc%23d#x"
    )
    assert set(compiled.required) == {"customer.city", "customer.first_name"}
    assert "broken_link" in refused(lambda: email('<a href="{{ customer.city }}/x">x</a>'))


def test_a_tag_that_is_an_address_may_be_the_link() -> None:
    """H-06, H-20: only a web address is followed; UTM values join its own query."""
    compiled = email('<a href="{{ store.page }}">x</a>', run=facts(utm=UTM))
    (link,) = compiled.links

    assert link.target(["https://s.example/p?id=1"], compiled.slots).startswith(
        "https://s.example/p?id=1&utm_source="
    )
    assert compiled.problem(["https://s.example"]) is None
    assert compiled.problem(["javascript:alert(1)"]) == "A link has no web address."


def test_values_in_untracked_links_and_pictures_are_escaped() -> None:
    """H-20, Q-27"""
    compiled = email(
        '<a data-track="off" href="https://a.example/?n={{ customer.city }}">x</a>'
        '<img alt="" src="https://a.example/{{ customer.city }}.png"><a data-track="off" href="{{ store.page }}">y</a>'
    )
    html = part(parsed(compiled, customer__city='a"b c', store__page="https://s.example/?a=1&b=2"), "html")

    assert 'href="https://a.example/?n=a%22b%20c"' in html
    assert 'src="https://a.example/a%22b%20c.png"' in html
    assert 'href="https://s.example/?a=1&amp;b=2"' in html


def test_a_mail_holds_a_link_that_no_person_sees() -> None:
    """H-24: whoever follows it is a machine."""
    html = part(parsed(email('<a href="https://a.example">a</a>')), "html")
    (hidden,) = re.findall(r'<a href="https://t\.example\.com/c/([\w-]+)" style="display:none"', html)

    assert tokens.read_link(hidden)[1] == tokens.HIDDEN_LINK
    assert "/c/" not in part(parsed(email("<p>x</p>")), "html")


def test_an_open_is_told_by_a_pixel_of_this_delivery() -> None:
    """H-22"""
    (pixel,) = re.findall(
        r'<img src="https://t\.example\.com/o/([\w-]+)"', part(parsed(email(), seq=3), "html")
    )

    assert tokens.read_open(pixel).seq == 3
    assert "/o/" not in part(parsed(email(run=facts(track_opens=False))), "html")


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("https://a.b", "https://a.b?{all}"),
        ("https://a.b/", "https://a.b/?{all}"),
        ("https://a.b/?", "https://a.b/?{all}"),
        ("https://a.b/?x=%20y#frag", "https://a.b/?x=%20y&{all}#frag"),
        ("https://a.b/#utm_source=x", "https://a.b/?{all}#utm_source=x"),
        (
            "https://a.b/?utm_source=own&UTM_Medium=m",
            "https://a.b/?utm_source=own&UTM_Medium=m&utm_campaign=summer_sale&utm_content=variant_a",
        ),
    ],
)
def test_utm_values_are_added_where_missing(url: str, expected: str) -> None:
    """H-23: lower case, spaces as underscores, the rest of the address letter for letter."""
    everything = "utm_source=engage&utm_medium=email&utm_campaign=summer_sale&utm_content=variant_a"

    assert with_utm(url, UTM) == expected.replace("{all}", everything)
    assert with_utm(url, None) == url


def test_the_campaigns_own_source_wins() -> None:
    """H-23"""
    assert "utm_source=spring_mail&" in with_utm("https://a.b", Utm("sms", "c", "m", source=" Spring Mail "))


@given(st.text(max_size=40), st.text(max_size=40))
def test_utm_values_are_always_part_of_the_query(campaign: str, content: str) -> None:
    """H-23, Q-27: no name can end the query or the address."""
    url = with_utm("https://a.b/?x=1#f", Utm("email", campaign, content))

    assert url.startswith("https://a.b/?x=1&utm_source=engage&utm_medium=email")
    assert url.endswith("#f")
    assert re.fullmatch(r"[!-~]+", url)
    assert url.count("#") == 1


def test_links_in_a_text_message_are_short_and_belong_to_it() -> None:
    """H-19, H-20, H-21, H-22: a link and the opt-out have codes of their own."""
    compiled = sms("Sale! https://shop.example.com/a?b=1. Stop {{ unsubscribe }}", run=facts(utm=UTM))
    signer = tokens.RunSigner(org=1, run_on=date(2026, 3, 31), run=2)
    renderer = compiled.renderer(signer)
    text = renderer(5, 6, "+4470", values(compiled), 0).body.decode()
    codes = {purpose: tokens.short_text(code) for code, purpose in renderer.short_codes(5, 6)}

    assert (
        text
        == f"Sale! https://t.example.com/{codes[0]}. Stop https://t.example.com/{codes[tokens.SHORT_UNSUBSCRIBE]}"
    )
    assert compiled.links[0].target((), ()).startswith("https://shop.example.com/a?b=1&utm_source=")
    assert codes[0] not in {tokens.short_text(code) for code, _ in renderer.short_codes(5, 7)}
    shown = compiled.preview(values(compiled)).text
    assert "https://shop.example.com/a?b=1&utm_source=" in shown
