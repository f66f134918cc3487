"""Contents and recipients to compile in tests."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from email import message_from_bytes, policy
from email.message import EmailMessage
from typing import Any

from channels.email.compile import CompiledEmail, EmailContent, compile_email
from channels.merge import ContentRefused
from channels.protocol import SenderFacts
from channels.reading import Reading
from channels.rendering import Compiled, RunFacts
from channels.sms.compile import CompiledSms, SmsContent, compile_sms
from channels.tags import Kind, Tag, registered
from channels.tokens import RunSigner

SENDER = SenderFacts(
    id=1, channel="email", adapter="smtp", identity="news@example.com", display_name="Example"
)
TAGS = {
    **registered(),
    "customer.first_name": Tag("customer.first_name", "First name", Kind.TEXT, "Asha"),
    "customer.city": Tag("customer.city", "City", Kind.TEXT, "Pune"),
    "customer.points": Tag("customer.points", "Points", Kind.NUMBER, "1250"),
    "customer.spend": Tag("customer.spend", "Spend", Kind.MONEY, "1234567"),
    "customer.birth_date": Tag("customer.birth_date", "Birth date", Kind.DATE, "1990-05-17"),
    "store.page": Tag("store.page", "Store's page", Kind.URL, "https://shop.example.com/pune"),
    "campaign.name": Tag("campaign.name", "Campaign", Kind.TEXT, "Summer", per_run=True),
}
FACTS = RunFacts(
    tags=TAGS,
    constants={"campaign.name": "Summer & more", "org.name": "Example"},
    tracking_url="https://t.example.com",
    legal_name="Example Ltd",
    postal_address="1 Example Street",
)
UNSUBSCRIBE = '<a href="{{ unsubscribe }}">Unsubscribe</a>'


def facts(**changes: Any) -> RunFacts:
    return replace(FACTS, **changes)


def email(
    body: str = "<p>Hello</p>",
    *,
    subject: str = "News",
    opt_out: bool = True,
    run: RunFacts = FACTS,
    **content: str,
) -> CompiledEmail:
    html = body + UNSUBSCRIBE if opt_out else body
    return compile_email(EmailContent(subject=subject, html=html, **content), SENDER, Reading(run))


def sms(text: str, *, run: RunFacts = FACTS, **content: Any) -> CompiledSms:
    return compile_sms(SmsContent(text=text, **content), Reading(run))


def values(compiled: Compiled, **given: str) -> list[str | None]:
    """Values by tag, written with `__` for the dot; what is not given is missing."""
    known = {name.replace("__", "."): value for name, value in given.items()}
    return [known.get(slot) for slot in compiled.slots]


def raw(compiled: Compiled, *, to: str = "a@example.com", seq: int = 6, **given: Any) -> bytes:
    signer = RunSigner(org=1, run_on=date(2026, 3, 31), run=2, links=len(compiled.links))
    return compiled.renderer(signer)(5, seq, to, values(compiled, **given), 1_774_915_200).body


def parsed(compiled: Compiled, **given: Any) -> EmailMessage:
    message = message_from_bytes(raw(compiled, **given), policy=policy.default)
    assert not message.defects
    return message


def part(message: EmailMessage, kind: str) -> str:
    found = message.get_body(preferencelist=(kind,))
    assert isinstance(found, EmailMessage)
    assert not found.defects
    return str(found.get_content()).replace("\r\n", "\n")


def refused(compile_it: Any) -> dict[str, str]:
    """The problems of a content that must be refused, by code."""
    try:
        compile_it()
    except ContentRefused as error:
        return {problem.code: problem.text for problem in error.problems}
    raise AssertionError("the content was taken")
