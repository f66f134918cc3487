"""Writing a message: what its steps say, take and refuse, before anything is submitted."""

from __future__ import annotations

import re

import pytest
from django.test import Client
from django.utils import timezone

from audiences.models import Customer
from campaigns import lifecycle
from campaigns.models import BrandContact, Message, MessageAudience, MessageContent, TestContact, TestSend
from engage.orgs.models import Org, User
from engage.orgs.tenancy import org_context
from tests import factories
from tests.campaigns import factories as made
from tests.factories import NOW

pytestmark = pytest.mark.django_db


@pytest.fixture
def draft(org: Org, writer: User) -> Message:
    at = timezone.now()
    with org_context(org.pk):
        return made.message(made.campaign(org, writer, at=at), writer, at=at)


def at(org: Org, message: Message, tail: str = "") -> str:
    return f"/o/{org.slug}/messages/{message.pk}/{tail}"


def read(client: Client, address: str) -> str:
    return client.get(address).content.decode()


def stored(org: Org, message: Message) -> Message:
    with org_context(org.pk):
        return Message.objects.for_org(org).select_related("campaign").get(pk=message.pk)


def test_a_single_message_has_one_channel_and_one_content_of_its_own(
    org: Org, draft: Message, client: Client
) -> None:
    """C-12: what was written for the other channel is neither sent nor lost."""
    address = at(org, draft, "steps/basics/")
    assert "Single: one channel, one content" in read(client, address)
    for channel in ("sms", "email"):
        revision = stored(org, draft).revision
        client.post(address, {"title": "One", "channel": channel, "revision": revision})
        shown = read(client, at(org, draft, "steps/content/"))
        assert ('name="subject"' in shown) is (channel == "email")
        assert ("New season for" in shown) is (channel == "email")
    with org_context(org.pk):
        assert MessageContent.objects.for_org(org).filter(message=draft, channel="email").count() == 1


def test_everybody_is_counted_before_a_word_is_written(org: Org, draft: Message, client: Client) -> None:
    """C-14, A-37"""
    with org_context(org.pk):
        MessageContent.objects.for_org(org).filter(message=draft).delete()
        Customer.objects.bulk_create(
            Customer(org=org, id=n, external_id=str(n), created_at=NOW, updated_at=NOW) for n in (1, 2, 3)
        )
    counted = read(client, at(org, draft, "funnel/"))
    assert re.search(r"Targeted.*?\b3\b", counted, re.DOTALL)
    with org_context(org.pk):
        MessageAudience.objects.for_org(org).filter(message=draft).delete()
    assert "Choose an audience and a sender" in read(client, at(org, draft, "funnel/"))


def test_a_change_that_cannot_be_saved_names_its_field_and_loses_nothing(
    org: Org, draft: Message, client: Client
) -> None:
    """C-11, Q-36"""
    answer = client.post(
        at(org, draft, "steps/basics/"),
        {"title": "", "channel": "email", "revision": draft.revision},
        headers={"HX-Request": "true"},
    )
    assert answer.status_code == 422
    assert "Title: This field is required." in answer.content.decode()
    assert stored(org, draft).title == draft.title


def test_a_draft_may_be_saved_without_what_its_submission_needs(
    org: Org, draft: Message, client: Client
) -> None:
    """C-01, C-25: nothing that is needed is called optional."""
    for step in ("content", "delivery"):
        assert "(optional)" not in re.sub(
            r"(Preview text|Text part|Copy to a brand group|Messages an hour at most|From|Until)"
            r"\s*<span[^>]*>\(optional\)",
            "",
            read(client, at(org, draft, f"steps/{step}/")),
        )
    answer = client.post(
        at(org, draft, "steps/delivery/"), {"sender": "", "track_links": "on", "revision": draft.revision}
    )
    assert answer.status_code == 302
    assert stored(org, draft).sender_id is None
    assert "Choose a sender." in read(client, at(org, draft, "steps/review/"))


def test_the_review_says_who_when_and_what_two_groups_could_show(
    org: Org, draft: Message, client: Client
) -> None:
    """C-17, C-26, M-35"""
    with org_context(org.pk):
        Customer.objects.bulk_create(
            Customer(org=org, id=n, external_id=str(n), created_at=NOW, updated_at=NOW) for n in range(1, 31)
        )
    shown = read(client, at(org, draft, "steps/review/"))
    for text in (
        "Immediately after approval",
        "When the run is prepared",
        "held out as control",
        "Under 100 the effect stays",
        "has no goal",
        "No test was sent since the last edit.",
    ):
        assert text in shown, text


def test_a_copy_opens_in_its_form_and_a_second_press_makes_no_second_one(
    org: Org, draft: Message, client: Client
) -> None:
    """C-09: all but dates, approvals, runs, results."""
    pressed = [client.post(at(org, draft, "duplicate/"), {"token": "t"}) for _ in range(2)]
    assert pressed[0]["Location"] == pressed[1]["Location"]
    with org_context(org.pk):
        copy = Message.objects.for_org(org).exclude(pk=draft.pk).get()
        assert (copy.title, copy.status, copy.send_on) == (f"{draft.title} (copy)", "draft", None)
        assert [row.fields for row in copy.contents.for_org(org)] == [made.EMAIL]
        assert copy.audiences.for_org(org).count() == 1


def test_a_message_that_is_no_draft_shows_no_form_and_takes_no_save(
    org: Org, writer: User, draft: Message, client: Client
) -> None:
    """C-18, C-19, C-29"""
    with org_context(org.pk):
        lifecycle.submit(draft, by=writer, at=timezone.now(), targeted=3)
    address = at(org, draft, "steps/basics/")
    assert 'name="title"' not in read(client, address)
    answer = client.post(address, {"title": "Late", "channel": "email", "revision": draft.revision})
    assert answer.status_code == 409
    assert stored(org, draft).title == draft.title


def test_tests_go_to_named_colleagues_only_with_typed_values(
    org: Org, draft: Message, client: Client
) -> None:
    """C-48"""
    page = at(org, draft, "test/")
    assert "There is no test contact for E-mail." in read(client, page)
    with org_context(org.pk):
        for name, group in (("Arun", "Team"), ("Ana", "Team"), ("Asha", "")):
            TestContact.objects.create(
                org=org, name=name, channel="email", address=f"{name}@x.example", group=group, created_at=NOW
            )
        TestContact.objects.create(
            org=org, name="Phone", channel="sms", address="+12025550143", created_at=NOW
        )
    shown = read(client, page)
    assert "Arun" in shown and "Phone" not in shown
    empty = client.post(page, {"value-customer.first_name": "Typed"})
    assert empty.status_code == 422
    assert "Choose at least one test contact." in empty.content.decode()
    assert 'value="Typed"' in empty.content.decode()
    client.post(page, {"groups": "Team", "value-customer.first_name": "Typed"})
    with org_context(org.pk):
        sent = TestSend.objects.for_org(org).filter(message=draft)
        assert {test.address for test in sent} == {"Arun@x.example", "Ana@x.example"}
        assert {test.values["customer.first_name"] for test in sent} == {"Typed"}
    assert "on its way" in read(client, page)


def test_a_test_contact_has_a_real_address_of_its_channel_once(org: Org, client: Client) -> None:
    """C-48, T-27"""
    client.force_login(factories.member(org, "admin"))
    page = f"/o/{org.slug}/settings/test-contacts/"
    good = {
        "purpose": "test",
        "name": "Arun",
        "channel": "email",
        "address": "arun@x.example",
        "group": "Team",
    }
    bad = client.post(page, good | {"address": "nobody at home"})
    assert bad.status_code == 422
    assert 'value="nobody at home"' in bad.content.decode()
    assert client.post(page, good).status_code == 302
    assert "already" in client.post(page, good).content.decode()
    with org_context(org.pk):
        contact = TestContact.objects.for_org(org).get()
    client.post(f"{page}{contact.pk}/remove/")
    assert "arun@x.example" not in read(client, page)


def test_a_brand_group_is_named_and_has_an_address_once(org: Org, client: Client) -> None:
    """T-27, C-15: a colleague may be in two groups, and get tests besides."""
    client.force_login(factories.member(org, "admin"))
    page = f"/o/{org.slug}/settings/test-contacts/"
    kim = {"purpose": "copy", "name": "Kim", "channel": "email", "address": "kim@x.example"}
    nameless = client.post(page, kim | {"group": ""})
    assert (nameless.status_code, "Name the brand group" in nameless.content.decode()) == (422, True)
    assert client.post(page, kim | {"group": "Brand", "address": "kim at home"}).status_code == 422
    assert client.post(page, kim | {"group": "Brand"}).status_code == 302
    again = client.post(page, kim | {"group": "Brand", "address": "kim@X.example"})
    assert (again.status_code, "already" in again.content.decode()) == (422, True)
    assert client.post(page, kim | {"group": "Board"}).status_code == 302
    assert client.post(page, kim | {"purpose": "test", "group": ""}).status_code == 302
    with org_context(org.pk):
        groups = list(BrandContact.objects.for_org(org))
        assert {(one.group, one.address) for one in groups} == {
            ("Brand", "kim@x.example"),
            ("Board", "kim@x.example"),
        }
        assert TestContact.objects.for_org(org).get().address == "kim@x.example"
    shown = read(client, page)
    for contact in groups:
        assert f"{contact.pk}/remove/" in shown
        client.post(f"/o/{org.slug}/settings/brand-contacts/{contact.pk}/remove/")
    with org_context(org.pk):
        assert not BrandContact.objects.for_org(org).exists()
        assert TestContact.objects.for_org(org).exists()
