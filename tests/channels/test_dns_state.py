"""The DNS state of a sender's domain, asked of a real name server on loopback (H-30)."""

from __future__ import annotations

import time

import pytest
from django.test import Client
from django.utils import timezone
from pytest_django import Settings

from channels.email.dns_state import look
from channels.models import Sender
from engage.orgs.models import Org, User
from engage.orgs.tenancy import org_context
from tests.channels.name_server import Zone, serving
from tests.factories import NOW

KEY = "MIIBIjANBgkqhkiG9w0BAQEFAAOCAQ8A" * 12
GOOD: Zone = {
    "acme.example": ['"google-site-verification=x"', '"v=spf1 include:_spf.relay.example -all"'],
    # Longer than 255 bytes: in two strings that belong together.
    "s1._domainkey.acme.example": [f'"v=DKIM1; k=rsa; p={KEY[:200]}" "{KEY[200:]}"'],
    "_dmarc.acme.example": ['"v=DMARC1; p=quarantine; sp=reject; rua=mailto:d@acme.example"'],
}


def states(domain: str = "acme.example", selector: str = "s1") -> dict[str, str]:
    return {record.name: record.state for record in look(domain, dkim_selector=selector)}


def test_a_domain_with_all_three_is_shown_so(settings: Settings) -> None:
    """H-30"""
    with serving(GOOD) as settings.DNS_SERVER:
        found = {record.name: record for record in look("acme.example", dkim_selector="s1")}
    assert {name: record.state for name, record in found.items()} == {
        "SPF": "ok",
        "DKIM": "ok",
        "DMARC": "ok",
    }
    assert found["SPF"].text == "v=spf1 include:_spf.relay.example -all"
    assert KEY in found["DKIM"].text
    assert "aside" in found["DMARC"].says


@pytest.mark.parametrize(
    ("change", "state"),
    [
        ({"acme.example": []}, {"SPF": "missing"}),
        ({"acme.example": ['"v=spf1 -all"', '"v=spf1 ~all"']}, {"SPF": "wrong"}),
        ({"acme.example": ['"v=spf1 +all"']}, {"SPF": "wrong"}),
        ({"acme.example": ['"v=spf10 -all"']}, {"SPF": "missing"}),
        ({"s1._domainkey.acme.example": []}, {"DKIM": "missing"}),
        ({"s1._domainkey.acme.example": ['"v=DKIM1; p="']}, {"DKIM": "wrong"}),
        ({"s1._domainkey.acme.example": ['"hello"']}, {"DKIM": "wrong"}),
        ({"_dmarc.acme.example": []}, {"DMARC": "missing"}),
        ({"_dmarc.acme.example": ['"v=DMARC1; p=maybe"']}, {"DMARC": "wrong"}),
        ({"_dmarc.acme.example": ['"v=DMARC1; p=none"', '"v=DMARC1; p=reject"']}, {"DMARC": "wrong"}),
    ],
)
def test_what_is_missing_or_wrong_is_named(
    settings: Settings, change: dict[str, list[str]], state: dict[str, str]
) -> None:
    """H-30"""
    with serving({**GOOD, **change}) as settings.DNS_SERVER:
        assert states() == {"SPF": "ok", "DKIM": "ok", "DMARC": "ok"} | state


def test_a_subdomain_stands_under_its_parents_policy(settings: Settings) -> None:
    """H-30: with the policy for subdomains; SPF and DKIM are each domain's own."""
    with serving(GOOD) as settings.DNS_SERVER:
        found = {record.name: record for record in look("news.acme.example", dkim_selector="s1")}
    assert (found["SPF"].state, found["DKIM"].state) == ("missing", "missing")
    assert (found["DMARC"].state, found["DMARC"].where) == ("ok", "_dmarc.acme.example")
    assert "refuse" in found["DMARC"].says


def test_without_a_selector_the_key_is_not_guessed(settings: Settings) -> None:
    """H-30"""
    with serving(GOOD) as settings.DNS_SERVER:
        assert states(selector="")["DKIM"] == "unknown"


def test_a_name_server_that_does_not_answer_is_not_known_and_holds_nobody_up(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    """H-30, Q-35"""
    monkeypatch.setattr("channels.email.dns_state.SECONDS", 0.3)
    began = time.monotonic()
    with serving(GOOD, mute=True) as settings.DNS_SERVER:
        assert set(states().values()) == {"unknown"}
    assert time.monotonic() - began < 2


def test_the_senders_page_shows_the_state_of_its_domain(
    org: Org, admin: User, client: Client, settings: Settings
) -> None:
    """H-30"""
    with org_context(org.pk):
        sender = Sender.objects.create(
            org=org, channel="email", name="News", identity="news@acme.example", adapter="smtp",
            config={"host": "smtp.acme.example", "port": 587, "security": "starttls", "dkim_selector": "s1"},
            created_at=NOW,
        )  # fmt: skip
        text = Sender.objects.create(
            org=org, channel="sms", name="Texts", identity="ACME", adapter="gateway", created_at=NOW
        )
    client.force_login(admin)
    session = client.session
    session["proved_at"] = timezone.now().timestamp()
    session.save()
    page = f"/o/{org.slug}/settings/senders/{sender.pk}/"
    assert f'hx-get="{page}dns/"' in client.get(page).content.decode()
    with serving({**GOOD, "_dmarc.acme.example": []}) as settings.DNS_SERVER:
        html = client.get(f"{page}dns/").content.decode()
    assert html.count("Published") == 2
    assert html.count("Missing") == 1
    assert "v=spf1 include:_spf.relay.example -all" in html
    assert client.get(f"/o/{org.slug}/settings/senders/{text.pk}/dns/").status_code == 404
