"""The delivery settings of a message (C-15): what the step takes and refuses, what review and approval say of them."""

from __future__ import annotations

from datetime import time, timedelta
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from audiences.keys import lookup_key
from audiences.models import ContactPoint, Customer
from campaigns import checklist, copying, difference, lifecycle, versions
from campaigns.checklist import Facts
from campaigns.models import BrandContact, Message, MessageContent
from channels.models import Sender
from engage.orgs.models import Org, OrgSettings, User
from engage.orgs.tenancy import org_context
from tests import factories
from tests.campaigns import factories as made
from tests.factories import NOW

pytestmark = pytest.mark.django_db

PACE = {"throttle_per_hour": "1000", "throttle_from": "09:00", "throttle_until": "18:00"}


@pytest.fixture
def draft(org: Org, writer: User) -> Message:
    at = timezone.now()
    with org_context(org.pk):
        return made.message(made.campaign(org, writer, at=at), writer, at=at)


def at(org: Org, message: Message, tail: str) -> str:
    return f"/o/{org.slug}/messages/{message.pk}/{tail}"


def post(client: Client, org: Org, message: Message, **fields: Any) -> Any:
    """The step as its form sends it, with what is given instead."""
    now = stored(org, message)
    whole = {"sender": now.sender_id, "track_links": "on", "copy_group": "", "revision": now.revision}
    return client.post(at(org, message, "steps/delivery/"), whole | fields)


def stored(org: Org, message: Message) -> Message:
    with org_context(org.pk):
        return Message.objects.for_org(org).select_related("campaign", "sender").get(pk=message.pk)


def _lines(org: Org, message: Message, **facts: Any) -> dict[str, bool]:
    with org_context(org.pk):
        fresh = stored(org, message)
        judged = checklist.judge(Facts(fresh, fresh.campaign, made.settings_of(org), timezone.now(), **facts))
        return {line.code: line.blocks for line in judged}


def test_a_throttle_is_off_until_somebody_types_a_number(org: Org, draft: Message, client: Client) -> None:
    """C-15, C-41"""
    assert stored(org, draft).throttle_per_hour is None
    with org_context(org.pk):
        assert versions.outline(draft, draft.campaign, made.settings_of(org)).throttle == {}
    assert post(client, org, draft, **PACE).status_code == 302
    saved = stored(org, draft)
    assert (saved.throttle_per_hour, saved.throttle_from, saved.throttle_until) == (1000, time(9), time(18))
    shown = client.get(at(org, draft, "steps/delivery/")).content.decode()
    for value in ("1000", "09:00", "18:00"):
        assert f'value="{value}"' in shown
    assert post(client, org, draft).status_code == 302
    assert stored(org, draft).throttle_per_hour is None


@pytest.mark.parametrize(
    ("fields", "told"),
    [
        ({"throttle_per_hour": "99"}, "greater than or equal to 100"),
        ({"throttle_per_hour": "100001"}, "less than or equal to 100000"),
        ({**PACE, "throttle_until": ""}, "Give both times, or none."),
        ({**PACE, "throttle_from": ""}, "Give both times, or none."),
        ({**PACE, "throttle_until": "09:00"}, "Choose another time"),
        ({**PACE, "throttle_per_hour": ""}, "how many an hour"),
        ({"copy_group": "Nobody knows it"}, "valid choice"),
    ],
)
def test_what_makes_no_sense_is_refused_beside_its_field(
    org: Org, draft: Message, client: Client, fields: dict[str, str], told: str
) -> None:
    """C-15, C-41"""
    answer = post(client, org, draft, **fields)
    assert (answer.status_code, told in answer.content.decode()) == (422, True)
    assert stored(org, draft).throttle_per_hour is None


def test_review_and_approval_say_how_long_it_takes(org: Org, draft: Message, client: Client) -> None:
    """C-41, C-17"""
    with org_context(org.pk):
        Customer.objects.bulk_create(
            Customer(org=org, id=n, external_id=str(n), created_at=NOW, updated_at=NOW) for n in range(1, 401)
        )
        OrgSettings.objects.for_org(org).update(
            quiet_from=time(0), quiet_until=time(0), unset_promotional="yes", control_permille=0
        )
    post(client, org, draft, throttle_per_hour="100")
    assert "100 an hour at most" in client.get(at(org, draft, "steps/review/")).content.decode()
    with org_context(org.pk):
        _reachable(org)
    review = client.get(at(org, draft, "steps/review/")).content.decode()
    assert "about 4 h 8 min, until" in review
    with org_context(org.pk):
        lifecycle.submit(stored(org, draft), by=draft.created_by, at=timezone.now(), targeted=400)
    client.force_login(factories.member(org, "approver"))
    approval = client.get(at(org, draft, "approval/")).content.decode()
    assert "about 4 h 8 min, until" in approval
    assert "Throttle" in approval


def _reachable(org: Org) -> None:
    ContactPoint.objects.bulk_create(
        ContactPoint(
            org=org,
            customer_id=n,
            kind="email",
            value=f"p{n}@x.example",
            key=lookup_key("email", f"p{n}@x.example"),
            state_at=NOW,
        )
        for n in range(1, 401)
    )


def test_a_pace_that_outlasts_its_campaign_is_warned_of(org: Org, draft: Message) -> None:
    """C-41, C-02"""
    with org_context(org.pk):
        Message.objects.for_org(org).filter(pk=draft.pk).update(throttle_per_hour=100)
    assert _lines(org, draft, targeted=1_000).get("too_slow") is None
    assert _lines(org, draft, targeted=1_000_000).get("too_slow") is False


def test_hours_that_never_open_stop_the_submission(org: Org, draft: Message) -> None:
    """C-41, C-40"""
    with org_context(org.pk):
        OrgSettings.objects.for_org(org).update(quiet_from=time(21), quiet_until=time(9))
        Message.objects.for_org(org).filter(pk=draft.pk).update(
            throttle_per_hour=100, throttle_from=time(6), throttle_until=time(8)
        )
    assert _lines(org, draft)["never_open"] is True


def test_a_copy_goes_to_a_group_of_the_channel(org: Org, draft: Message, client: Client) -> None:
    """C-15, T-27"""
    with org_context(org.pk):
        for group, channel, address in (
            ("Brand team", "email", "kim@x.example"),
            ("On the phone", "sms", "+12025550143"),
        ):
            BrandContact.objects.create(
                org=org,
                name="Kim",
                channel=channel,
                address=address,
                group=group,
                created_at=NOW,
            )
    shown = client.get(at(org, draft, "steps/delivery/")).content.decode()
    assert "Brand team" in shown
    assert "On the phone" not in shown
    assert post(client, org, draft, copy_group="Brand team").status_code == 302
    assert stored(org, draft).copy_group == "Brand team"
    assert "Brand team" in client.get(at(org, draft, "steps/review/")).content.decode()
    with org_context(org.pk):
        BrandContact.objects.for_org(org).delete()
    assert _lines(org, draft)["copies"] is False
    assert "Brand team" in client.get(at(org, draft, "steps/delivery/")).content.decode()


def test_a_copy_of_the_message_keeps_its_delivery_settings(org: Org, draft: Message, writer: User) -> None:
    """C-09, C-15"""
    chosen = {
        "throttle_per_hour": 500,
        "throttle_from": time(9),
        "throttle_until": time(18),
        "copy_group": "Brand team",
        "short_links": False,
        "track_links": False,
        "freeze_audience": "at_approval",
    }
    with org_context(org.pk):
        Message.objects.for_org(org).filter(pk=draft.pk).update(**chosen)
        copy = copying.beside(stored(org, draft), by=writer, at=timezone.now())
        assert {name: getattr(copy, name) for name in chosen} == chosen
        assert copy.sender_id == draft.sender_id


def test_whole_addresses_in_a_text_are_not_tracked(org: Org, draft: Message) -> None:
    """C-15, H-20, H-21: short links switched off leave the author's addresses as they are."""
    with org_context(org.pk):
        text = {"text": "See https://shop.example/new Stop: {{ unsubscribe }}", "allow_unicode": "1"}
        MessageContent.objects.create(org=org, message=draft, channel="sms", fields=text)
        sender = made.sender(org, channel="sms", identity="ACME", adapter="gateway")
        rows = Message.objects.for_org(org).filter(pk=draft.pk)
        rows.update(channel="sms", sender=sender)
        settings = made.settings_of(org)
        short = versions.build(stored(org, draft), draft.campaign, settings)
        rows.update(short_links=False)
        whole = versions.build(stored(org, draft), draft.campaign, settings)
    assert (short.track_links, short.contents[0].links) == (1, ["https://shop.example/new"])
    assert (whole.track_links, whole.contents[0].links) == (0, [])
    changed = {
        line.label: (line.before, line.after)
        for section in difference.between(short, whole)
        for line in section.lines
        if line.changed
    }
    assert changed["Short links"] == changed["Links tracked"] == ("Yes", "No")


def test_sending_to_control_is_confirmed_in_words_where_it_may_be_chosen(
    org: Org, draft: Message, client: Client
) -> None:
    """C-15, T-22: needs the right and the switch, is said again before submission, and warned of."""
    words = "I confirm: send to the control group too"
    assert words not in client.get(at(org, draft, "steps/delivery/")).content.decode()
    client.force_login(factories.member(org, "admin"))
    assert words not in client.get(at(org, draft, "steps/delivery/")).content.decode()
    with org_context(org.pk):
        OrgSettings.objects.for_org(org).update(send_to_control=True)
    assert words in client.get(at(org, draft, "steps/delivery/")).content.decode()
    assert post(client, org, draft, send_to_control="on").status_code == 302
    assert "sent to control too" in client.get(at(org, draft, "steps/review/")).content.decode()
    assert _lines(org, draft)["sent_to_control"] is False


def test_a_sender_of_another_channel_is_neither_offered_nor_taken(
    org: Org, draft: Message, client: Client
) -> None:
    """C-15: a sender per channel."""
    with org_context(org.pk):
        texting = made.sender(org, channel="sms", identity="ACME", adapter="gateway")
    assert post(client, org, draft, sender=texting.pk).status_code == 422
    with org_context(org.pk):
        Message.objects.for_org(org).filter(pk=draft.pk).update(sender=texting)
        assert Sender.objects.for_org(org).count() == 2
    assert _lines(org, draft)["sender_missing"] is True


def test_no_control_of_the_step_does_nothing(org: Org, draft: Message, client: Client) -> None:
    """C-15: limits are not checked yet, so nobody is offered to ignore them."""
    client.force_login(factories.member(org, "admin"))
    assert "ignore_limits" not in client.get(at(org, draft, "steps/delivery/")).content.decode()


def test_the_campaign_can_be_over_before_a_day_of_it_opens(org: Org, draft: Message) -> None:
    """C-41: the estimate counts the nights between the days."""
    with org_context(org.pk):
        Message.objects.for_org(org).filter(pk=draft.pk).update(
            throttle_per_hour=100, throttle_from=time(9), throttle_until=time(10)
        )
    days = (draft.campaign.end_on - draft.campaign.start_on) / timedelta(days=1)
    assert _lines(org, draft, targeted=int(90 * days) + 500).get("too_slow") is False
