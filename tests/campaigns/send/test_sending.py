"""A run from its freeze to its end, in one process, against the real carrier."""

from __future__ import annotations

import json
from datetime import timedelta

import pytest
from pytest_django import Settings

from audiences.models import AddressOptOut, ContactPoint, Customer
from campaigns import dispatch, finishing, progress, sweeper, verify
from campaigns.clock import database_now
from campaigns.dispatch import Left
from campaigns.dispatch.outcomes import MOST_TRIES
from campaigns.models import Allowance, Delivery, Message, Retry, Run
from channels.models import Sender
from engage.orgs.tenancy import org_context
from tests.campaigns.send import world as worlds
from tests.campaigns.send.driving import begin, drive, lane
from tests.campaigns.send.world import World, check
from tests.local.carriers import Carrier


def test_everybody_gets_the_message_once_and_the_run_completes(world: World) -> None:
    """C-23, H-33, M-10, Q-02"""
    run = begin(world)
    assert lane(world, run).reason == "idle"
    assert world.fresh(run).status == Run.Status.COMPLETED
    assert check(world, run) == {"sent": 20}
    with org_context(world.org.pk):
        row = Delivery.objects.for_org(world.org).filter(run_id=run.pk).first()
        assert row is not None
        assert row.outcome == Delivery.Outcome.IN_FLIGHT
        assert row.provider_id
        assert row.sent_at == row.state_at
        assert list(verify.verify_run(world.fresh(run))) == []


def test_control_rows_stand_in_the_queue_and_are_held_out_at_their_turn(
    transactional_db: None, carrier: Carrier, settings: Settings
) -> None:
    """C-24, A-40: also where a whole window is held out."""
    settings.SEND_WINDOW = 1
    world = worlds.make(carrier, 60, control_permille=500)
    run = begin(world)
    assert lane(world, run).reason == "idle"
    counts = check(world, run)
    assert counts["sent"] + counts["held_out"] == 60
    assert counts["held_out"] > 10
    with org_context(world.org.pk):
        arms = Delivery.objects.for_org(world.org).filter(run_id=run.pk).values_list("state", "arm")
        assert {(state, arm) for state, arm in arms} == {
            (Delivery.State.SENT, 0),
            (Delivery.State.HELD_OUT, 1),
        }


def test_a_message_sent_to_control_leaves_nobody_held_out(transactional_db: None, carrier: Carrier) -> None:
    """C-15, M-24"""
    world = worlds.make(carrier, 30, control_permille=500, send_to_control=True)
    run = begin(world, send_to_control=True)
    lane(world, run)
    assert check(world, run) == {"sent": 30}


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ("opt_out", "unsubscribed"),
        ("opt_out_address", "unsubscribed"),
        ("bounce", "invalid_contact"),
        ("remove", "no_contact"),
        ("replace", "no_contact"),
    ],
)
def test_what_changes_between_freeze_and_claim_acts(world: World, change: str, reason: str) -> None:
    """Q-14, A-08, A-11"""
    run = begin(world)
    someone, now = world.people[3], database_now()
    with org_context(world.org.pk):
        point = ContactPoint.objects.for_org(world.org).filter(customer_id=someone)
        if change == "opt_out":
            world.opt_out(someone)
        elif change == "opt_out_address":
            AddressOptOut.objects.create(
                org=world.org,
                channel="email",
                message_class="promotional",
                key=point.get().key,
                at=now,
                source="test",
            )
        elif change == "bounce":
            point.update(state=ContactPoint.State.HARD_BOUNCED)
        elif change == "remove":
            point.delete()
        else:
            point.update(is_primary=False)
    lane(world, run)
    assert check(world, run) == {"sent": 19, f"skipped/{reason}": 1}
    with org_context(world.org.pk):
        row = Delivery.objects.for_org(world.org).get(run_id=run.pk, state=Delivery.State.SKIPPED)
        assert row.customer_id == someone


def test_a_refusal_fails_one_row_and_the_others_go_on(world: World) -> None:
    """H-33, H-39"""
    world.add_people(["refuse@example.com", "refuse+content_rejected@example.com"])
    run = begin(world)
    lane(world, run)
    assert check(world, run) == {"sent": 20, "failed/address_refused": 1, "failed/content_rejected": 1}


def test_a_lost_answer_is_unconfirmed_and_never_repeated(world: World) -> None:
    """C-23, H-34, Q-01"""
    world.add_people(["lose-answer@example.com"])
    run = begin(world)
    drive(world, run)
    counts = check(world, run, unconfirmed_at_most=1)
    assert counts["unconfirmed/no_answer"] == 1
    assert sum(world.accepted(run).values()) == 21


def test_later_goes_back_into_the_queue_and_is_tried_again(world: World) -> None:
    """H-34, C-23"""
    world.account.behaves(answer="later", code="deferred", times=7)
    run = begin(world)
    lane(world, run)
    with org_context(world.org.pk):
        waiting = Retry.objects.for_org(world.org).filter(run_id=run.pk)
        assert waiting.count() == 7
        assert {row.attempt for row in waiting} == {1}
        assert all(row.not_before > database_now() + timedelta(seconds=20) for row in waiting)
        counts = progress.of_run(world.fresh(run))
        assert (counts.queued, counts.handing_over, counts.sent) == (7, 0, 13)
        assert counts.adds_up
    drive(world, run, let_retries_come=True)
    assert check(world, run) == {"sent": 20}


def test_five_tries_and_no_more(world: World) -> None:
    """H-34"""
    world.add_people(["later+deferred@example.com"])
    run = begin(world)
    drive(world, run, let_retries_come=True)
    assert check(world, run) == {"sent": 20, "failed/retries_exhausted": 1}
    with org_context(world.org.pk):
        row = Delivery.objects.for_org(world.org).get(run_id=run.pk, state=Delivery.State.FAILED)
        assert row.attempt == MOST_TRIES


def test_a_fault_of_the_connection_uses_up_nobodys_try_and_the_sender_backs_off(world: World) -> None:
    """H-33, H-34"""
    world.account.behaves(answer="later", code="throttled")
    run = begin(world)
    left = lane(world, run)
    assert left.fault is not None
    with org_context(world.org.pk):
        waiting = Retry.objects.for_org(world.org).filter(run_id=run.pk)
        assert {row.attempt for row in waiting} == {0}
        sender = Sender.objects.for_org(world.org).get(pk=world.sender.pk)
        assert sender.backing_off_until is not None
        assert sender.backing_off_until > database_now()
        assert progress.of_run(world.fresh(run)).queued == 20
    assert lane(world, run).reason == "backing_off"
    assert sweeper.look_after(world.org.pk).lanes == []
    world.account.behaves(answer="accept")
    drive(world, run, let_retries_come=True)
    assert check(world, run) == {"sent": 20}


def test_credentials_that_do_not_work_block_the_message(world: World) -> None:
    """C-39, H-39"""
    with org_context(world.org.pk):
        Sender.objects.for_org(world.org).filter(pk=world.sender.pk).update(config={"account": "nobody"})
    run = begin(world)
    lane(world, run)
    fresh = world.fresh(run)
    assert (fresh.status, fresh.message.status_reason) == (Run.Status.BLOCKED, "sender_down")
    with org_context(world.org.pk):
        assert Sender.objects.for_org(world.org).get(pk=world.sender.pk).status == Sender.Status.FAILING
        assert progress.of_run(fresh).queued == 20


def test_refusals_of_a_fifth_block_the_run(transactional_db: None, carrier: Carrier) -> None:
    """C-39"""
    world = worlds.make(carrier, 0)
    world.add_people([f"refuse@x{n}.example" if n % 4 == 0 else f"p{n}@x.example" for n in range(300)])
    run = begin(world)
    drive(world, run)
    fresh = world.fresh(run)
    assert (fresh.status, fresh.message.status_reason) == (Run.Status.BLOCKED, "failure_rate")
    counts = check(world, run, settled=False)
    assert 40 < counts["failed/address_refused"] < 75
    with org_context(world.org.pk):
        left = progress.of_run(fresh)
        assert left.queued > 0
        assert left.handing_over == 0
        assert left.adds_up


def test_a_value_that_went_missing_or_does_not_fit_is_a_content_error(world: World) -> None:
    """H-07, H-02"""
    content = worlds.EMAIL | {"subject": "Dear {{ customer.first_name }} {{ customer.last_name }}"}
    with org_context(world.org.pk):
        rows = Customer.objects.for_org(world.org)
        rows.filter(id__in=world.people[:15]).update(last_name="Rao")
        rows.filter(id=world.people[0]).update(first_name="A" * 80, last_name="R" * 80)
    run = begin(world, content=content)
    lane(world, run)
    assert check(world, run) == {"sent": 14, "skipped/content_error": 6}


def test_a_senders_limit_a_day_holds_to_the_message(world: World) -> None:
    """H-30"""
    with org_context(world.org.pk):
        Sender.objects.for_org(world.org).filter(pk=world.sender.pk).update(per_day=8)
    run = begin(world)
    lane(world, run)
    assert check(world, run, settled=False) == {"sent": 8}
    assert lane(world, run).reason == "allowance"
    with org_context(world.org.pk):
        Allowance.objects.for_org(world.org).update(bucket="2000-01-01")
    lane(world, run)
    assert sum(check(world, run, settled=False).values()) == 16


def test_a_pace_a_second_makes_the_lane_leave_instead_of_sleeping(world: World) -> None:
    """H-30, Q-08"""
    with org_context(world.org.pk):
        Sender.objects.for_org(world.org).filter(pk=world.sender.pk).update(per_second=5)
    run = begin(world)
    left = lane(world, run)
    assert left.reason == "pace"
    assert left.again_in is not None
    assert left.again_in <= 1
    assert check(world, run, settled=False)["sent"] <= 10
    drive(world, run)
    assert check(world, run) == {"sent": 20}


def test_a_paused_sender_blocks_what_is_being_sent(world: World) -> None:
    """C-39, H-30"""
    run = begin(world)
    with org_context(world.org.pk):
        Sender.objects.for_org(world.org).filter(pk=world.sender.pk).update(status=Sender.Status.PAUSED)
    assert lane(world, run).reason == "sender_down"
    assert world.fresh(run).status == Run.Status.BLOCKED
    assert not world.accepted(run)


def test_a_run_with_nobody_to_send_to_completes(transactional_db: None, carrier: Carrier) -> None:
    """C-21, M-13"""
    world = worlds.make(carrier, 0)
    world.add_people([None, None])
    run = begin(world)
    sweeper.look_after(world.org.pk)
    fresh = world.fresh(run)
    assert fresh.status == Run.Status.COMPLETED
    with org_context(world.org.pk):
        counts = progress.of_run(fresh)
    assert (counts.targeted, counts.skipped, int(counts.percent)) == (2, 2, 100)
    assert counts.reasons["skipped"] == {"no_contact": 2}


def test_a_run_is_complete_only_when_nothing_is_queued_or_in_hand(world: World) -> None:
    """C-23"""
    run = begin(world)
    assert not finishing.complete_if_done(world.org.pk, run.pk)
    lane(world, run)
    assert not finishing.complete_if_done(world.org.pk, run.pk)
    assert world.fresh(run).message.status == Message.Status.COMPLETED


def test_text_messages_go_the_same_way_and_count_their_segments(
    transactional_db: None, carrier: Carrier
) -> None:
    """H-21, H-25, Q-01"""
    world = worlds.make(carrier, 12, channel="sms")
    text = "Sale! https://shop.example/new " + "x" * 150 + " Stop: {{ unsubscribe }}"
    run = begin(world, content={"text": text, "allow_unicode": "1"})
    drive(world, run)
    assert check(world, run) == {"sent": 12}
    with org_context(world.org.pk):
        rows = Delivery.objects.for_org(world.org).filter(run_id=run.pk)
        assert {row.segments for row in rows} == {2}


@pytest.mark.parametrize("short", [True, False])
def test_a_text_carries_short_links_or_the_whole_address(
    transactional_db: None, carrier: Carrier, short: bool
) -> None:
    """C-15, H-21: the link to opt out is short in both."""
    world = worlds.make(carrier, 1, channel="sms")
    text = "Sale! https://shop.example/new Stop: {{ unsubscribe }}"
    run = begin(world, content={"text": text, "allow_unicode": "1"}, short_links=short)
    drive(world, run)
    assert check(world, run) == {"sent": 1}
    (sent,) = world.account.get("/v1/outbox").json()
    told = json.loads(world.account.get(f"/v1/outbox/{sent['id']}").text)["text"]
    assert ("https://shop.example/new" in told) is not short
    assert "/u/" not in told
    assert len(told.rpartition("Stop: ")[2].rpartition("/")[2]) == 9


def test_a_lane_of_a_run_that_is_not_sending_does_nothing(world: World) -> None:
    """C-44"""
    run = world.run()
    assert dispatch.work_lane(org_id=world.org.pk, run_id=run.pk) == Left("halted")
