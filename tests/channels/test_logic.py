"""Template logic, where an org has switched it on."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import date
from typing import Any

import pytest

from channels.content import compile_content
from channels.merge import ContentRefused
from channels.rendering import Compiled
from channels.tokens import SHORT_UNSUBSCRIBE, RunSigner
from tests.channels.contents import FACTS, SENDER, UNSUBSCRIBE, facts, parsed, part, raw, values

ON = facts(logic=True, currency="INR", language="en-IN")


def text(source: str, **given: str) -> str:
    """What a text message with logic says to one customer."""
    compiled = compile_content("sms", {"text": source}, SENDER, ON)
    assert compiled.problem(values(compiled, **given)) is None
    return compiled.preview(values(compiled, **given)).text


def mail(html: str, subject: str = "News", **more: str) -> Compiled:
    return compile_content("email", {"subject": subject, "html": html + UNSUBSCRIBE, **more}, SENDER, ON)


BRANCHES = "{% if customer.city == 'Pune' %}a{% elsif customer.city %}b{% else %}c{% endif %}"
BORN = {"customer__birth_date": "1990-05-17"}


@pytest.mark.parametrize(
    ("source", "given", "expected"),
    [
        (BRANCHES, {"customer__city": "Pune"}, "a"),
        (BRANCHES, {"customer__city": "Goa"}, "b"),
        (BRANCHES, {}, "c"),
        ("{% unless customer.points > 1000 %}few{% endunless %}!", {"customer__points": "999"}, "few!"),
        ("{% case customer.city %}{% when 'Goa' %}x{% else %}y{% endcase %}", {"customer__city": "Goa"}, "x"),
        ("{% for i in (1..3) %}{{ i }},{% endfor %}", {}, "1,2,3,"),
        ("a{% comment %}b{% endcomment %}c", {}, "ac"),
        ("{% assign p = customer.points | plus: 50 | times: 2 %}{{ p | minus: 1 }}", {"customer__points": "10"}, "119"),
        ("{{ customer.points | divided_by: 3 }} {{ 2.567 | round: 1 }}", {"customer__points": "10"}, "3 2.6"),
        ("{{ customer.city | upcase }} {{ 'ABC' | downcase }}", {"customer__city": "goa"}, "GOA abc"),
        ("{{ 'abc' | capitalize }} {{ 'abc' | size }}", {}, "Abc 3"),
        ("{{ customer.city | truncate: 5 }} {{ customer.city | size }}", {"customer__city": "Bengaluru"}, "Be... 9"),
        ("{{ customer.city | replace: 'a', 'o' }}", {"customer__city": "Goa"}, "Goo"),
        ("{{ customer.birth_date | date: '%d/%m' }}", BORN, "17/05"),
        ("{{ customer.city | default: 'home' | upcase }}", {}, "HOME"),
        ("{{ customer.points }}", {"customer__points": "1234567"}, "12,34,567"),
        ("{{ customer.spend }}", {"customer__spend": "150050"}, "₹1,500.50"),
        ("{% if customer.spend > 1500 %}rich{% endif %}", {"customer__spend": "150050"}, "rich"),
        ("{{ customer.spend | divided_by: 2 | money }}", {"customer__spend": "300000"}, "₹1,500.00"),
        ("{% if customer.birth_date %}{{ customer.birth_date }}{% endif %}", BORN, "17 May 1990"),
        ("{{ campaign.name | upcase }}", {}, "SUMMER & MORE"),
    ],
)  # fmt: skip
def test_the_subset_works(source: str, given: dict[str, str], expected: str) -> None:
    """H-08, H-06: numbers, money and dates are calculated with as such and shown in the reader's language."""
    assert text(source, **given) == expected


@pytest.mark.parametrize(
    "source",
    [
        "{% include 'x' %}",
        "{% render 'x' %}",
        "{% capture x %}a{% endcapture %}",
        "{% tablerow i in (1..2) %}a{% endtablerow %}",
        "{% cycle 'a', 'b' %}",
        "{{ 'a' | base64_encode }}",
        "{{ 'a,b' | split: ',' }}",
        "{{ 'a' | append: 'b' }}",
        "{% if false %}{{ 'a' | url_decode }}{% endif %}",
        "{% if customer.city %}",
    ],
)
def test_nothing_beyond_the_subset(source: str) -> None:
    """H-08: no includes, files or network."""
    with pytest.raises(ContentRefused) as refused:
        text(source + "{% if customer.city %}x{% endif %}")

    assert {problem.code for problem in refused.value.problems} <= {"broken_tag", "unknown_filter"}


def test_an_unknown_tag_blocks_inside_logic_too() -> None:
    """H-07"""
    with pytest.raises(ContentRefused, match="shoe_size"):
        text("{% if customer.shoe_size > 40 %}x{% endif %}")


@pytest.mark.parametrize(
    "source",
    [
        "{% for i in (1..101) %}a{% endfor %}",
        "{% for i in (1..11) %}{% for j in (1..11) %}a{% endfor %}{% endfor %}",
        "{% if 1 %}" * 6 + "a" + "{% endif %}" * 6,
        "{% assign a = 'aaaaaaaaaa' %}" + "{% assign a = a | replace: 'a', 'aaaaaaaaaa' %}" * 8 + "{{ a }}",
        "{% assign n = 9 %}{% for i in (1..40) %}{% assign n = n | times: n %}{% endfor %}{{ n }}",
    ],
)
def test_runaway_logic_is_an_error_when_saved(source: str) -> None:
    """H-09: 100 steps, nesting 5, 512 KB."""
    with pytest.raises(ContentRefused):
        text(source)


def test_logic_that_runs_away_for_one_customer_is_that_ones_content_error() -> None:
    """H-09"""
    points = replace(FACTS.tags["customer.points"], sample="3")
    few = facts(logic=True, tags={**FACTS.tags, "customer.points": points})
    compiled = compile_content(
        "sms", {"text": "{% for i in (1..customer.points) %}a{% endfor %}"}, SENDER, few
    )

    assert compiled.judge_each
    assert compiled.problem(values(compiled, customer__points="20")) is None
    assert "loop" in (compiled.problem(values(compiled, customer__points="200")) or "")


def test_a_value_shown_without_fallback_is_needed_only_where_it_is_shown() -> None:
    """H-07"""
    source = "{% if customer.points > 5 %}Dear {{ customer.first_name }}{% else %}Hello{% endif %}"
    compiled = compile_content("sms", {"text": source}, SENDER, ON)

    assert compiled.problem(values(compiled, customer__points="1")) is None
    assert "customer.first_name" in (compiled.problem(values(compiled, customer__points="9")) or "")


@pytest.mark.parametrize(
    "value", ["{{ customer.city }}", "{% if 1 %}x{% endif %}", "<script>alert(1)</script>", "a&b"]
)
def test_values_are_escaped_and_never_evaluated(value: str) -> None:
    """H-09, Q-27"""
    compiled = mail(
        "<p title='{{ customer.city }}'>{% if customer.city %}{{ customer.city }}{% endif %}</p>",
        "{{ customer.city | upcase }}",
    )
    message = parsed(compiled, customer__city=value)
    html = part(message, "html")

    assert "<script" not in html
    escaped = value.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    assert f">{escaped}</p>" in html
    assert message["Subject"] == value.upper()


def test_rows_of_a_table_may_be_chosen_by_logic() -> None:
    """H-08: logic runs before the HTML is read."""
    compiled = mail(
        "<table><tr><td>a</td></tr>{% if customer.city %}<tr><td>{{ customer.city }}</td></tr>{% endif %}</table>"
    )

    assert "<td>Goa</td></tr></tbody></table>" in part(parsed(compiled, customer__city="Goa"), "html")
    assert "<tr><td>a</td></tr></tbody></table>" in part(parsed(compiled), "html")


def test_an_unsubscribe_link_in_a_false_branch_does_not_count() -> None:
    """H-14, Q-16: judged on what is rendered, for each customer."""
    html = "<p>News{% if customer.city == 'Pune' %}{{ customer.city }}" + UNSUBSCRIBE + "{% endif %}</p>"
    compiled = compile_content("email", {"subject": "News", "html": html}, SENDER, ON)

    assert compiled.problem(values(compiled, customer__city="Pune")) is None
    assert "unsubscribe" in (compiled.problem(values(compiled, customer__city="Goa")) or "")
    with pytest.raises(ContentRefused, match="unsubscribe"):
        compile_content(
            "email", {"subject": "News", "html": html.replace("== 'Pune'", "== 'Goa'")}, SENDER, ON
        )


SOMEWHERE: list[dict[str, str]] = [{"customer__city": "x"}, {}]


def test_links_keep_their_numbers_whatever_the_branch() -> None:
    """H-20"""
    compiled = mail(
        "{% if customer.city %}<a href='https://a.example/'>a</a>{% endif %}"
        '<a href="https://b.example/?x=1&amp;y=2">b</a>'
    )
    with_city, without = (
        re.findall(r"/c/[\w-]{28}([\w-]{2})", part(parsed(compiled, **given), "html")) for given in SOMEWHERE
    )

    assert [link.target((), ()) for link in compiled.links] == [
        "https://a.example/",
        "https://b.example/?x=1&y=2",
    ]
    assert with_city[1] == without[0]
    assert raw(compiled, customer__city="x") != raw(compiled)


def test_short_links_of_every_branch_are_announced() -> None:
    """H-20, H-21: a text is known only when it is rendered."""
    compiled = compile_content(
        "sms",
        {"text": "{% if customer.city %}https://a.example {% endif %}stop {{ unsubscribe }}"},
        SENDER,
        ON,
    )
    signer = RunSigner(org=1, run_on=date(2026, 3, 31), run=2)
    codes = compiled.renderer(signer).short_codes(5, 6)
    sent = compiled.renderer(signer)(5, 6, "+44", values(compiled), 0)

    assert {purpose for _, purpose in codes} == {0, SHORT_UNSUBSCRIBE}
    assert re.fullmatch(r"stop https://t\.example\.com/\w{9}", sent.body.decode())


def test_content_without_logic_stays_compiled() -> None:
    """H-08: the switch costs nothing where it is not used."""
    plain: Any = mail("<p>{{ customer.first_name }}</p>")

    assert type(plain).__name__ == "CompiledEmail"
    with pytest.raises(ContentRefused, match="switched off"):
        compile_content("sms", {"text": "{% if customer.city %}a{% endif %}"}, SENDER, FACTS)
