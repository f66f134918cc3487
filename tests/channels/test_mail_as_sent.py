"""The mail that leaves, read back by a parser that is not ours."""

from __future__ import annotations

import re
from email.message import Message
from email.utils import parsedate_to_datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from channels import tokens
from channels.email.encoding import qp_literal
from tests.channels.contents import email, facts, parsed, part, raw, refused, values

# Anything a database column may hold: no lone surrogates, no NUL.
TEXT = st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=300)
GREETING = '<p title="{{ customer.first_name }}">Dear {{ customer.first_name }}, from {{ customer.city }}</p>'


@given(TEXT.filter(bool), TEXT.filter(bool))
def test_every_value_arrives_as_it_is(first: str, city: str) -> None:
    """H-06, Q-27: whatever it holds, in the subject, the text and the HTML."""
    compiled = email(GREETING, subject="For {{ customer.first_name }} of {{ customer.city }}!")
    given_values: dict[str, Any] = {"customer__first_name": first, "customer__city": city}
    body = raw(compiled, **given_values)
    message = parsed(compiled, **given_values)

    folded = re.sub(r"\s", "", f"For {first} of {city}!")
    assert re.sub(r"\s", "", str(message["Subject"])) == re.sub(r"[\s\x1c-\x1e\x85]", "", folded)
    html = part(message, "html")
    for value in (first, city):
        assert _escaped(value) in html
    assert message.keys() == parsed(compiled, customer__first_name="A", customer__city="B").keys()
    for line in body.split(b"\r\n"):
        assert not line.startswith(b".")
        assert not line.startswith(b"From ")
        assert b"\n" not in line
        assert b"\r" not in line


def _escaped(value: str) -> str:
    for character, entity in (("&", "&amp;"), ("<", "&lt;"), (">", "&gt;"), ('"', "&#34;"), ("'", "&#39;")):
        value = value.replace(character, entity)
    return value.replace("\r\n", "\n").replace("\r", "\n")


@given(TEXT)
def test_a_literal_survives_quoted_printable(text: str) -> None:
    """H-13"""
    encoded = qp_literal(text)

    carrier = Message()
    carrier["Content-Transfer-Encoding"] = "quoted-printable"
    carrier.set_payload(encoded.replace(b"\r\n", b"\n").decode("ascii"))
    decoded = carrier.get_payload(decode=True)
    assert isinstance(decoded, bytes)
    assert decoded.decode() == text.replace("\r\n", "\n").replace("\r", "\n")
    assert all(len(line) <= 76 for line in encoded.split(b"\r\n"))


@pytest.mark.parametrize(
    "attack",
    [
        "x\r\nBcc: victim@example.com",
        "x\nBcc: victim@example.com",
        "x\r\n\r\nbody",
        "x\u2028Bcc: y",
        "x\x85y",
    ],
)
def test_no_value_can_add_a_header(attack: str) -> None:
    """Q-27"""
    message = parsed(email(subject="{{ customer.first_name }}"), customer__first_name=attack)

    assert "Bcc" not in message
    assert message.keys() == parsed(email(subject="x")).keys()


def test_the_headers_a_relay_and_a_mailbox_need() -> None:
    """H-15, H-33: the two headers of RFC 8058, and a Message-ID that leads back to the delivery."""
    message = parsed(email())

    assert message["From"].addresses[0].addr_spec == "news@example.com"
    assert message["From"].addresses[0].display_name == "Example"
    assert message["To"].addresses[0].addr_spec == "a@example.com"
    assert message["Subject"] == "News"
    assert message["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"
    address = message["List-Unsubscribe"].strip(" <>")
    assert address.startswith("https://t.example.com/u/")
    key = tokens.read_unsubscribe(address.rpartition("/")[2])
    reference, _, domain = message["Message-ID"].strip("<>").partition("@")
    assert domain == "example.com"
    assert tokens.read_reference(reference) == key == (1, 5, key.run_on, 2, 6)
    assert parsedate_to_datetime(message["Date"]).timestamp() == 1_774_915_200
    assert message.get_content_type() == "multipart/alternative"
    assert [piece.get_content_type() for piece in message.iter_parts()] == ["text/plain", "text/html"]


def test_a_service_mail_has_no_unsubscribe_headers() -> None:
    """H-14, H-15: they are the promotional mail's."""
    message = parsed(email(opt_out=False, run=facts(promotional=False)))

    assert "List-Unsubscribe" not in message
    assert "List-Unsubscribe-Post" not in message


def test_a_simulated_run_carries_its_shift_and_no_other_does() -> None:
    """H-33: the sandbox carrier dates its receipts by it."""
    assert parsed(email(run=facts(clock_shift=-86400)))["X-Engage-Clock-Shift"] == "-86400"
    assert "X-Engage-Clock-Shift" not in parsed(email())


def test_names_in_any_script_stand_in_the_subject() -> None:
    """H-06, Q-31"""
    name = "சென்னை ☀️ Øyvind 王小明 " * 4
    message = parsed(email(subject="{{ customer.first_name }}, see this"), customer__first_name=name.strip())

    assert message["Subject"] == f"{name.strip()}, see this"


def test_a_text_part_is_made_from_the_html() -> None:
    """H-13: with where the links lead, and the footer."""
    body = (
        "<h1>Summer</h1><p>Dear&nbsp;{{ customer.first_name }},<br>look &amp; see "
        '<a href="https://shop.example.com/a">our shop</a>.</p><ul><li>One</li><li>Two</li></ul>'
        '<img src="https://cdn.example.com/x.png" alt="A hat">'
    )
    text = part(parsed(email(body, run=facts(track_links=False)), customer__first_name="Åse"), "plain")

    assert "Summer\n\nDear Åse,\nlook & see our shop (https://shop.example.com/a)." in text
    assert "- One\n- Two" in text
    assert "A hat" in text
    assert "Unsubscribe (https://t.example.com/u/" in text
    assert text.rstrip().endswith("Example Ltd\n1 Example Street")


def test_the_authors_own_text_part_is_kept() -> None:
    """H-13, H-20: with its values, its links tracked and the footer below it."""
    compiled = email(
        text="Hi {{ customer.first_name }}! See https://shop.example.com/a. Stop: {{ unsubscribe }}"
    )
    text = part(parsed(compiled, customer__first_name="Åse"), "plain")

    assert text.startswith("Hi Åse! See https://t.example.com/c/")
    assert re.search(r"/c/[\w-]{42}\. Stop: https://t.example.com/u/[\w-]{40}\n\nExample Ltd", text)


def test_the_footer_shows_who_sends() -> None:
    """H-13: legal name and postal address, as text."""
    html = part(parsed(email(run=facts(legal_name="A <b> & Co"))), "html")

    assert "A &lt;b&gt; &amp; Co<br>1 Example Street</div>" in html


def test_numbers_money_and_dates_follow_the_reader() -> None:
    """H-06: the customer's language, else the Org's."""
    compiled = email(
        "<p>{{ customer.points }} | {{ customer.spend }} | {{ customer.birth_date }}</p>",
        run=facts(currency="INR", language="en-IN"),
    )
    known = {
        "customer__points": "1234567.5",
        "customer__spend": "123456789",
        "customer__birth_date": "1990-05-17",
    }

    def shown(**language: str) -> str:
        return re.search("<p>(.*)</p>", part(parsed(compiled, **known, **language), "html"))[1]  # type: ignore[index]

    assert "customer.language" in compiled.slots
    assert shown() == shown(customer__language="xx-unknown") == "12,34,567.5 | ₹12,34,567.89 | 17 May 1990"
    assert (
        shown(customer__language="de")
        == "1.234.567,5 | 1.234.567,89 ₹".replace(" ₹", "\xa0₹") + " | 17. Mai 1990"
    )


def test_a_fallback_fills_a_missing_value() -> None:
    """H-07: also for an empty one; the fallback stands as it was typed."""
    compiled = email(
        '<p>Dear {{ customer.first_name | default: "friend & all" }}, {{ customer.points | default: "no" }} points</p>'
    )

    assert compiled.required == ()
    for known in ({}, {"customer__first_name": "", "customer__points": ""}):
        assert compiled.problem(values(compiled, **known)) is None
        assert "Dear friend &amp; all, no points" in part(parsed(compiled, **known), "html")


def test_a_missing_value_without_fallback_is_that_customers_content_error() -> None:
    """H-07"""
    compiled = email('<p>{{ customer.first_name }} {{ customer.city | default: "home" }}</p>')

    assert compiled.required == ("customer.first_name",)
    assert compiled.problem(values(compiled, customer__first_name="Asha")) is None
    assert "customer.first_name" in (compiled.problem(values(compiled, customer__city="Pune")) or "")
    assert "customer.first_name" in (compiled.problem(values(compiled, customer__first_name="")) or "")


def test_a_fallback_in_one_place_does_not_help_another() -> None:
    """H-07"""
    compiled = email('<p>{{ customer.city | default: "home" }} {{ customer.city }}</p>')

    assert compiled.required == ("customer.city",)


def test_the_subject_counts_after_merging() -> None:
    """H-01, H-02: too long for everyone is refused, too long for one is that one's content_error."""
    assert "too_long" in refused(lambda: email(subject="x" * 151))
    assert email(subject="x" * 150).problem([]) is None

    compiled = email(subject="x" * 140 + "{{ customer.first_name }}")
    assert compiled.judge_each
    assert compiled.problem(["a" * 10]) is None
    assert "151" in (compiled.problem(["a" * 11]) or "")
    assert compiled.problem(["😀" * 10]) is None, "characters are counted, not bytes"
    assert not email().judge_each


def test_a_subject_is_one_line_and_not_empty() -> None:
    """H-01"""
    assert "subject_missing" in refused(lambda: email(subject="  "))
    assert "line_break" in refused(lambda: email(subject="a\nb"))
    assert "body_missing" in refused(lambda: email("<p> &nbsp;</p>", opt_out=False))


def test_values_of_the_run_are_written_once() -> None:
    """H-06: campaign, sender and Org need no place in a recipient's row."""
    compiled = email("<p>{{ campaign.name }} by {{ org.name }}</p>", subject="{{ campaign.name }} news")
    message = parsed(compiled)

    assert compiled.slots == ()
    assert message["Subject"] == "Summer & more news"
    assert "Summer &amp; more by Example" in part(message, "html")
    assert "missing_value" in refused(lambda: email("{{ org.legal_name }}"))


def test_a_preview_text_is_there_and_not_seen() -> None:
    """H-01"""
    html = part(parsed(email(preview="For {{ customer.city }} <only>"), customer__city="Pune"), "html")

    assert re.search(r'<div style="display:none[^>]*>For Pune &lt;only&gt;</div>', html)


def test_a_preview_is_what_the_renderer_makes() -> None:
    """H-10: same compiler; links lead to their targets and nothing is counted."""
    compiled = email(
        '<p>{{ customer.first_name }} <a href="https://shop.example.com/?a=1&b=2">x</a></p>',
        subject="{{ customer.city }}",
    )
    shown = compiled.preview(values(compiled, customer__first_name="<b>", customer__city="Zürich"))

    assert shown.subject == "Zürich"
    assert "&lt;b&gt;" in shown.html
    assert 'href="https://shop.example.com/?a=1&amp;b=2"' in shown.html
    assert "/c/" not in shown.html + shown.text
    assert "/o/" not in shown.html
    assert "https://t.example.com/u/preview" in shown.html


def test_a_large_mail_draws_a_warning() -> None:
    """H-01: over 102 KB."""
    assert any("102 KB" in warning for warning in email("<p>" + "x" * 110_000 + "</p>").warnings)
    assert "too_long" in refused(lambda: email("<p>" + "x" * (5 * 1024 * 1024) + "</p>"))
