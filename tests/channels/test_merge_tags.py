"""Merge tags: a closed list, read once, values never read as tags."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from channels import tags
from channels.tags import Kind
from tests.channels.contents import TAGS, email, parsed, part, refused, sms, values


@pytest.mark.parametrize("tag", ["{{ customer.shoe_size }}", "{{ first_name }}", "{{ customer }}"])
def test_an_unknown_tag_blocks(tag: str) -> None:
    """H-07"""
    assert tag in refused(lambda: email(f"<p>{tag}</p>"))["unknown_tag"]
    assert "unknown_tag" in refused(lambda: email(subject=tag))
    assert "unknown_tag" in refused(lambda: sms(tag))


@pytest.mark.parametrize(
    "logic",
    [
        "{% if customer.city %}a{% endif %}",
        "{% assign x = 1 %}",
        "{{ 'a' }}",
        "{% for i in (1..9) %}a{% endfor %}",
        "{% comment %}a{% endcomment %}",
        "{% include 'x' %}",
        "{% render 'x' %}",
    ],
)
def test_logic_is_refused_while_it_is_switched_off(logic: str) -> None:
    """H-08"""
    assert "switched off" in refused(lambda: sms(f"Hello {logic}"))["logic_off"]


@pytest.mark.parametrize(
    "tag",
    [
        "{{ customer.first_name | upcase }}",
        "{{ customer.city | default: 3 }}",
        "{{ customer.city | default }}",
    ],
)
def test_only_a_text_may_follow_a_tag(tag: str) -> None:
    """H-07, H-08: filters are logic."""
    assert "default:" in refused(lambda: sms(tag))["unknown_filter"]


@pytest.mark.parametrize(
    "broken", ["{{ customer.city", "{% nothing %}", "{{ a b }}", "{{ customer.city | }}"]
)
def test_a_broken_tag_says_where(broken: str) -> None:
    """H-07"""
    assert refused(lambda: email(f"<p>{broken}</p>"))["broken_tag"].startswith(
        "The body has a broken merge tag"
    )


@given(
    st.sampled_from(
        ["{{ customer.city }}", "{% if x %}", "{{", "}}", "{% raw %}", "${x}", "{{ unsubscribe }}"]
    )
)
def test_a_value_that_looks_like_a_tag_is_only_text(value: str) -> None:
    """H-09, Q-27: values are never evaluated."""
    compiled = email("<p>{{ customer.first_name }}</p>", subject="{{ customer.first_name }}")
    message = parsed(compiled, customer__first_name=value)

    assert message["Subject"] == value
    assert f"<p>{value}</p>" in part(message, "html")
    text = sms("Hi {{ customer.first_name }}")
    assert text.preview(values(text, customer__first_name=value)).text == f"Hi {value}"


def test_an_editors_quotes_are_read() -> None:
    """H-07: rich-text editors write them as entities."""
    compiled = email("<p>{{ customer.city | default: &quot;your town&quot; }}</p>")

    assert "<p>your town</p>" in part(parsed(compiled), "html")


def test_the_catalogue_is_closed_and_each_tag_is_registered_once() -> None:
    """H-06"""
    known = tags.registered()
    assert {"org.name", "sender.name", tags.UNSUBSCRIBE} <= known.keys()
    assert all(tag.label for tag in known.values())

    tags.register_tag("org.name", "Company name", Kind.TEXT, "Example Ltd", per_run=True)
    with pytest.raises(ValueError, match="twice"):
        tags.register_tag("org.name", "Another", Kind.TEXT, "x")
    assert tags.registered() == known


def test_a_content_can_be_shown_with_samples() -> None:
    """H-10"""
    compiled = email("<p>{{ customer.first_name }} {{ customer.points }}</p>")
    assert compiled.slots == ("customer.first_name", "customer.points", "customer.language")

    shown = compiled.preview(tags.samples(TAGS, compiled.slots))
    assert "Asha 1,250" in shown.html
