"""HTML that somebody else wrote."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from channels.email.html import clean
from tests.channels.contents import email, parsed, part, refused

HOSTILE = {
    "<script>alert(1)</script>": "<script>",
    '<p onclick="x()">a</p>': "onclick of <p>",
    '<img src="x.png" onerror=x>': "onerror of <img>",
    '<form action="/x"><input name="a"></form>': "<form>",
    '<iframe src="https://x.example">in</iframe>': "<iframe>",
    "<object data=x></object>": "<object>",
    "<svg onload=x><a>y</a></svg>": "<svg>",
    '<a href="javascript:alert(1)">a</a>': "“javascript:alert(1)” of <a>",
    '<a href="java\nscript:alert(1)">a</a>': "of <a>",
    '<a href="vbscript:x">a</a>': "“vbscript:x” of <a>",
    '<img src="data:text/html;base64,xx">': "of <img>",
    '<p style="background:url(javascript:x)">a</p>': "the style “background”",
    '<p style="width:expression(alert(1))">a</p>': "the style “width”",
    '<p style="behavior:url(x.htc)">a</p>': "the style “behavior”",
    "<style>@import url(https://x.example/a.css);</style>": "@import",
    '<style>p{background:url("javascript:x")}</style>': "the style “background”",
    "<base href='https://x.example'>": "<base>",
    "<link rel=stylesheet href=x>": "<link>",
}


@pytest.mark.parametrize("source", HOSTILE)
def test_what_runs_asks_or_embeds_goes_and_is_listed(source: str) -> None:
    """H-13, Q-27"""
    cleaned = clean(f"<div>before{source}after</div>")

    assert any(HOSTILE[source] in item for item in cleaned.removed), cleaned.removed
    kept = (cleaned.body + cleaned.css).lower()
    for banned in ("script", "onclick", "onerror", "onload", "<form", "<input", "<iframe", "<object", "<svg",
                   "expression", "behavior", "@import", "data:", "<base", "<link"):  # fmt: skip
        assert banned not in kept
    assert "before" in cleaned.body


def test_what_a_mail_needs_stays() -> None:
    """H-13: nothing harmless is listed or lost."""
    source = (
        "<!doctype html><html><head><meta charset=utf-8><title>T</title><style>p{color:red}"
        "@media (max-width:600px){.w{width:100%!important}}</style></head>"
        '<body bgcolor="#eeeeee" style="margin:0"><table width="600" cellpadding="0"><tr><td align="center" '
        'style="padding:4px;background-image:url(https://cdn.example.com/b.png)"><font face="Arial">Hi</font>'
        '<img src="https://cdn.example.com/a.png" alt="A" width="10"><a href="mailto:a@example.com">mail</a>'
        '<a href="tel:+44">call</a></td></tr></table></body></html>'
    )
    cleaned = clean(source)

    assert cleaned.removed == ()
    for kept in (
        'width="600"',
        'cellpadding="0"',
        "padding:4px",
        "url(",
        'face="Arial"',
        "mailto:",
        "tel:+44",
    ):
        assert kept in cleaned.body
    assert "p{color:red}" in cleaned.css
    assert "@media (max-width:600px){.w{width:100%!important}}" in cleaned.css
    assert cleaned.body_style == "background-color:#eeeeee;margin:0"


def test_repeated_losses_are_counted() -> None:
    """H-13"""
    assert clean("<p onclick=a>x</p><p onclick=b>y</p>").removed == ("onclick of <p> (2 times)",)
    assert email("<p>x<script>y</script></p>").removed == ("<script>",)


@given(st.text(st.sampled_from("<>/\"'= &;:{}abponscriptylehref\n\u0000x"), max_size=120))
def test_no_text_gets_a_script_through(source: str) -> None:
    """H-13, Q-27: cleaned twice is cleaned once, and nothing active is left."""
    cleaned = clean(source)

    assert clean(cleaned.body).body == cleaned.body
    assert "<script" not in cleaned.body.lower()
    assert "</style" not in cleaned.css.lower()


@pytest.mark.parametrize(
    "styled",
    ['<p style="color:{{ customer.city }}">x</p>', "<style>p{color:{{ customer.city }}}</style><p>x</p>"],
)
def test_a_value_can_not_stand_in_a_style(styled: str) -> None:
    """H-09, Q-27: there it could not be escaped."""
    codes = refused(lambda: email(styled))

    assert "misplaced_tag" in codes or "unsubscribe_missing" in codes


def test_a_value_in_an_attribute_stays_there() -> None:
    """H-09, Q-27"""
    compiled = email('<p title="{{ customer.city }}">x</p>')
    html = part(parsed(compiled, customer__city='"><script>alert(1)</script>'), "html")

    assert "<script>" not in html
    assert 'title="&#34;&gt;&lt;script&gt;alert(1)&lt;/script&gt;"' in html


def test_the_authors_styles_reach_the_mail() -> None:
    """H-13"""
    html = part(parsed(email("<style>.a{color:red}</style><body style='margin:0'><p class=a>x</p>")), "html")

    assert "<style>.a{color:red}</style></head>" in html
    assert '<body style="margin:0">' in html


def test_pictures_without_text_are_pointed_out() -> None:
    """H-12"""
    assert email('<img src="https://c.example.com/a.png">').warnings == (
        "1 pictures have no alternative text.",
    )
    assert email('<img src="https://c.example.com/a.png" alt="">').warnings == ()
