"""Senders as their pages make, test and change them (H-30), and the sandbox's outbox."""

from __future__ import annotations

from typing import Any

import pytest
from django.test import Client
from django.utils import timezone
from pytest_django import Settings

from campaigns.sender_choice import offered
from channels import outbox, sandbox, senders
from channels.models import ReplyWords, Sender
from channels.secrets import decrypt
from engage.orgs.founding import add_unit
from engage.orgs.models import AuditEntry, Org, TokenOrg, User
from engage.orgs.tenancy import org_context
from tests import factories
from tests.campaigns import factories as made
from tests.campaigns.send.conftest import carrier_process  # noqa: F401  a fixture
from tests.factories import NOW
from tests.local.carriers import Carrier

SMTP = {
    "name": "News", "identity": "news@acme.example", "display_name": "Acme", "reply_to": "", "time_zone": "",
    "config_host": "smtp.acme.example", "config_port": "587", "config_security": "starttls", "config_user": "acme",
    "config_bounce_domain": "", "config_dkim_selector": "", "config_connections": "4",
    "secret": "a relay password", "owner": "org",
}  # fmt: skip


@pytest.fixture
def client(admin: User) -> Client:
    """The admin's browser; who they are was proved just now."""
    found = Client()
    found.force_login(admin)
    session = found.session
    session["proved_at"] = timezone.now().timestamp()
    session.save()
    return found


@pytest.fixture
def carrier(carrier_process: Carrier, settings: Settings) -> Carrier:  # noqa: F811
    settings.CARRIER_SMTP = f"127.0.0.1:{carrier_process.smtp_port}"
    settings.CARRIER_URL = carrier_process.url
    settings.CARRIER_KEY_FILE = carrier_process.home / "admin.key"
    return carrier_process


def base(org: Org) -> str:
    return f"/o/{org.slug}/settings/senders/"


def only(org: Org) -> Sender:
    with org_context(org.pk):
        return Sender.objects.for_org(org).get()


def create(client: Client, org: Org, **changes: str) -> Any:
    return client.post(f"{base(org)}new/?adapter=smtp", SMTP | changes)


def test_a_sender_is_made_with_its_adapters_own_fields(org: Org, client: Client) -> None:
    """H-30, H-32: unverified until it is tested; the first of its channel is the default."""
    assert create(client, org).status_code == 302
    sender = only(org)
    assert sender.config == {
        "host": "smtp.acme.example", "port": 587, "security": "starttls", "user": "acme", "bounce_domain": "",
        "dkim_selector": "", "connections": 4,
    }  # fmt: skip
    assert (sender.status, sender.is_default, sender.unit_id) == ("unverified", True, None)
    with org_context(org.pk):
        assert not offered(made.campaign(org, factories.member(org, "marketer")), "email")
        assert AuditEntry.objects.for_org(org).filter(action="sender.created").exists()


def test_a_secret_is_never_shown_again(org: Org, client: Client) -> None:
    """H-30, Q-26: not on the page, not in the trail, not readable in the database; an empty field keeps it."""
    create(client, org)
    sender = only(org)
    assert "a relay password" not in sender.secret
    page = client.get(f"{base(org)}{sender.pk}/").content.decode()
    assert "a relay password" not in page
    client.post(f"{base(org)}{sender.pk}/", SMTP | {"secret": "", "name": "Newsletter", "revision": "1"})
    assert decrypt(only(org).secret) == "a relay password"
    with org_context(org.pk):
        for entry in AuditEntry.objects.for_org(org):
            assert "password" not in f"{entry.before}{entry.after}"


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"identity": "nobody"}, "valid email"),
        ({"config_host": "no host"}, "host name"),
        ({"config_port": "99999"}, "65535"),
        ({"config_security": "none"}, "encrypted"),
        ({"config_security": "magic"}, "valid choice"),
        ({"name": ""}, "required"),
    ],
)
def test_what_cannot_work_is_named_and_nothing_is_lost(
    org: Org, client: Client, changes: dict[str, str], words: str
) -> None:
    """Q-31, Q-36"""
    answer = create(client, org, **changes)
    assert answer.status_code == 422
    page = answer.content.decode()
    assert words in page
    assert 'value="Acme"' in page
    with org_context(org.pk):
        assert not Sender.objects.for_org(org).exists()


def test_changing_the_connection_needs_a_new_test(org: Org, client: Client) -> None:
    """H-30: a changed name does not, a changed server does."""
    create(client, org)
    sender = only(org)
    with org_context(org.pk):
        Sender.objects.for_org(org).update(status="active")
    path = f"{base(org)}{sender.pk}/"
    client.post(path, SMTP | {"secret": "", "name": "Newsletter", "revision": "1"})
    assert only(org).status == "active"
    client.post(path, SMTP | {"secret": "", "config_host": "other.acme.example", "revision": "2"})
    assert only(org).status == "unverified"


def test_a_stale_form_overwrites_nothing(org: Org, client: Client) -> None:
    """Q-36"""
    create(client, org)
    path = f"{base(org)}{only(org).pk}/"
    client.post(path, SMTP | {"name": "Theirs", "revision": "1"})
    answer = client.post(path, SMTP | {"name": "Mine", "revision": "1"})
    assert answer.status_code == 422
    assert "Someone else changed this sender" in answer.content.decode()
    assert 'value="Mine"' in answer.content.decode()
    assert only(org).name == "Theirs"


def test_the_webhook_is_shown_once(org: Org, client: Client) -> None:
    """H-30, Q-22, T-20"""
    create(client, org)
    sender = only(org)
    path = f"{base(org)}{sender.pk}/webhook/"
    page = client.post(path).content.decode()
    address = page.split("/hooks/")[1].split("/")[0]
    fresh = only(org)
    assert fresh.hook_hash == senders.hook_hash(address)
    assert decrypt(fresh.hook_secret) in page
    assert TokenOrg.objects.filter(kind="hook", token_hash=fresh.hook_hash, org=org).exists()
    again = client.get(f"{base(org)}{sender.pk}/").content.decode()
    assert address not in again
    assert decrypt(fresh.hook_secret) not in again
    stale = Client()
    stale.force_login(factories.member(org, "admin"))
    assert "/prove/" in stale.post(path)["Location"]


def test_several_per_channel_and_one_default(org: Org, client: Client) -> None:
    """H-30"""
    create(client, org)
    create(client, org, name="Second")
    with org_context(org.pk):
        first, second = Sender.objects.for_org(org).order_by("pk")
    assert (first.is_default, second.is_default) == (True, False)
    client.post(f"{base(org)}{second.pk}/status/", {"do": "default"})
    with org_context(org.pk):
        assert set(Sender.objects.for_org(org).values_list("pk", "is_default")) == {
            (first.pk, False),
            (second.pk, True),
        }


def test_a_paused_sender_cannot_be_chosen(org: Org, client: Client) -> None:
    """H-30: and an unverified one is not made active by pausing it."""
    create(client, org)
    path = f"{base(org)}{only(org).pk}/status/"
    client.post(path, {"do": "pause"})
    client.post(path, {"do": "resume"})
    assert only(org).status == "unverified"
    with org_context(org.pk):
        Sender.objects.for_org(org).update(status="active")
        campaign = made.campaign(org, factories.member(org, "marketer"))
        assert len(offered(campaign, "email")) == 1
    client.post(path, {"do": "pause"})
    with org_context(org.pk):
        assert not offered(campaign, "email")
    client.post(path, {"do": "resume"})
    assert only(org).status == "active"


def test_a_sender_belongs_to_the_org_or_a_unit_and_can_be_shared(
    org: Org, client: Client, admin: User
) -> None:
    """T-03, T-04, T-06"""
    with org_context(org.pk):
        north, south = (
            add_unit(org, name=name, code=name.lower(), by=admin, at=NOW) for name in ("North", "South")
        )
        bound = factories.member(org, "ops", units=[south])
    create(client, org, owner=str(north.pk))
    sender = only(org)
    assert sender.unit_id == north.pk
    client.post(f"{base(org)}{sender.pk}/", SMTP | {"owner": "org", "revision": "1"})
    assert only(org).unit_id == north.pk
    create(client, org, name="Shared", shared=str(south.pk))
    stranger = Client()
    stranger.force_login(bound)
    assert stranger.get(f"{base(org)}{sender.pk}/").status_code == 404
    with org_context(org.pk):
        Sender.objects.for_org(org).update(status="active", is_default=False)
        writer = factories.member(org, "marketer", units=[south])
        names = [one.name for one in offered(made.campaign(org, writer, unit=south), "email")]
    assert names == ["Shared"]


def test_another_orgs_sender_answers_as_if_it_never_existed(org: Org, other_org: Org, client: Client) -> None:
    """T-11, Q-09"""
    with org_context(other_org.pk):
        theirs = made.sender(other_org)
    for path in ("", "test/", "status/", "webhook/", "outbox/", "outbox/x/"):
        method = client.post if path in {"test/", "status/", "webhook/"} else client.get
        assert method(f"{base(org)}{theirs.pk}/{path}").status_code == 404


@pytest.mark.parametrize("role", ["marketer", "analyst", "approver"])
def test_who_may_not_change_senders(org: Org, role: str) -> None:
    """T-12"""
    with org_context(org.pk):
        sender = made.sender(org)
    client = Client()
    client.force_login(factories.member(org, role))
    for path in ("new/", "replies/", f"{sender.pk}/"):
        assert client.get(base(org) + path).status_code == 403
    for path in ("sandbox/", f"{sender.pk}/test/", f"{sender.pk}/status/", f"{sender.pk}/webhook/"):
        assert client.post(base(org) + path).status_code == 403


def test_a_sandbox_sender_is_ready_and_its_outbox_readable(
    org: Org, client: Client, carrier: Carrier
) -> None:
    """H-01, H-30, Q-27, decisions 30"""
    assert client.post(f"{base(org)}sandbox/", {"channel": "email"}).status_code == 302
    sender = only(org)
    assert (sender.status, sender.adapter) == ("active", "sandbox-email")
    told = client.post(f"{base(org)}{sender.pk}/test/", {"to": "asha@example.com"}, follow=True)
    assert "The provider took the test message" in told.content.decode()
    listed = client.get(f"{base(org)}{sender.pk}/outbox/").content.decode()
    assert f"[TEST] Connection test of {sender.name}" in listed
    with org_context(org.pk):
        entry = sandbox.outbox(senders.facts(sender))[0]
        assert "This is a connection test" in outbox.read(sender, entry.id).text
    page = client.get(f"{base(org)}{sender.pk}/outbox/{entry.id}/").content.decode()
    assert "This is a connection test" in page
    frame = client.get(f"{base(org)}{sender.pk}/outbox/{entry.id}/html/")
    assert frame["Content-Security-Policy"].startswith("sandbox; default-src 'none'")
    assert client.get(f"{base(org)}{sender.pk}/outbox/nothing/").status_code == 404


def test_addresses_of_the_outbox_are_masked(org: Org, client: Client, carrier: Carrier) -> None:
    """T-12, Q-26: seeing customers is not seeing their addresses."""
    client.post(f"{base(org)}sandbox/", {"channel": "email"})
    sender = only(org)
    client.post(f"{base(org)}{sender.pk}/test/", {"to": "asha@example.com"})
    marketer = Client()
    marketer.force_login(factories.member(org, "marketer"))
    page = marketer.get(f"{base(org)}{sender.pk}/outbox/").content.decode()
    assert "a•••@example.com" in page
    assert "asha@example.com" not in page


def test_the_outbox_says_when_the_carrier_is_away(
    org: Org, client: Client, carrier: Carrier, settings: Settings
) -> None:
    """Q-35"""
    client.post(f"{base(org)}sandbox/", {"channel": "sms"})
    sender = only(org)
    settings.CARRIER_URL = "http://127.0.0.1:9"
    page = client.get(f"{base(org)}{sender.pk}/outbox/").content.decode()
    assert "The sandbox carrier does not answer." in page
    told = client.post(f"{base(org)}sandbox/", {"channel": "email"}, follow=True).content.decode()
    assert "does not answer" in told
    with org_context(org.pk):
        assert Sender.objects.for_org(org).count() == 1


def test_a_test_that_does_not_pass_says_why(org: Org, client: Client, carrier: Carrier) -> None:
    """H-30, H-39"""
    client.post(f"{base(org)}sandbox/", {"channel": "sms"})
    sender = only(org)
    path = f"{base(org)}{sender.pk}/test/"
    refused = client.post(path, {"to": "+447700909901"}, follow=True).content.decode()
    assert "The provider refused the address you typed." in refused
    assert "Write the number as" in client.post(path, {"to": "07700 900"}, follow=True).content.decode()


def test_without_a_carrier_there_is_no_sandbox(org: Org, client: Client, settings: Settings) -> None:
    """H-01"""
    settings.CARRIER_URL = ""
    assert "sandbox/" not in client.get(base(org)).content.decode()
    assert client.post(f"{base(org)}sandbox/", {"channel": "email"}).status_code == 404


def test_reply_words_are_kept_per_language(org: Org, client: Client) -> None:
    """H-38, T-31"""
    path = f"{base(org)}replies/"
    words = {
        "language": "de",
        "opt_out": "Aufhören",
        "opt_in": "",
        "help": "Hilfe",
        "help_text": "Ruf uns an.",
    }
    client.post(path, words)
    client.post(path, words | {"opt_out": "Schluss"})
    with org_context(org.pk):
        row = ReplyWords.objects.for_org(org).get()
        assert (row.opt_out, row.help_text) == ("Schluss", "Ruf uns an.")
        assert AuditEntry.objects.for_org(org).filter(action="reply_words.saved").count() == 2
    twice = client.post(path, words | {"opt_in": "aufhören"})
    assert "cannot mean two things" in twice.content.decode()
    client.post(f"{path}{row.pk}/remove/")
    with org_context(org.pk):
        assert not ReplyWords.objects.for_org(org).exists()
