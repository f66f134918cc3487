"""Who is written down, and why others are not."""

from __future__ import annotations

from collections import Counter
from datetime import timedelta
from hashlib import md5

import pytest
from pytest_django import Settings

from audiences.keys import lookup_key
from audiences.models import AddressRef, Audience, AudienceVersion, ContactPoint, Customer
from campaigns import freeze, funnel, lifecycle, progress, sweeper, verify
from campaigns.body import Body
from campaigns.clock import database_now
from campaigns.models import Chunk, Delivery, MessageAudience, Recipient, Run, Tally
from channels.models import Sender
from engage.orgs.models import OrgSettings
from engage.orgs.tenancy import org_context
from tests.campaigns.send import world as worlds
from tests.campaigns.send.driving import drive, end_leases
from tests.campaigns.send.world import World, check
from tests.local.carriers import Carrier


def _queue(world: World, run: Run) -> dict[int, Recipient]:
    with org_context(world.org.pk):
        return {row.customer_id: row for row in Recipient.objects.for_org(world.org).filter(run_id=run.pk)}


def _skipped(world: World, run: Run) -> dict[int, str]:
    with org_context(world.org.pk):
        rows = Delivery.objects.for_org(world.org).filter(run_id=run.pk, state=Delivery.State.SKIPPED)
        return dict(rows.values_list("customer_id", "reason"))


def test_the_first_gate_that_applies_is_the_reason(world: World) -> None:
    """A-37, A-38, A-10"""
    now = database_now()
    twice, first, bounced, out, silent, fine = world.add_people(
        [
            "same@example.com",
            "other@example.com",
            "bounced@example.com",
            "out@example.com",
            None,
            "ok@example.com",
        ]
    )
    shares = world.add_people(["same@example.com"])[0]
    with org_context(world.org.pk):
        points = ContactPoint.objects.for_org(world.org)
        # A higher number with an address that bounced and opted out is a duplicate first.
        points.filter(customer_id__in=[bounced, shares]).update(state=ContactPoint.State.HARD_BOUNCED)
    for person in (out, shares, bounced):
        world.opt_out(person)
    run = world.run()
    assert freeze.freeze(world.org.pk, run.pk)
    assert _skipped(world, run) == {
        shares: "duplicate_contact", bounced: "invalid_contact", out: "unsubscribed", silent: "no_contact",
    }  # fmt: skip
    assert {twice, first, fine} < set(_queue(world, run))
    assert now < database_now()


def test_unset_consent_means_no_where_either_the_approval_or_today_says_so(world: World) -> None:
    """A-10, T-24: the stricter holds."""
    run = world.run()
    with org_context(world.org.pk):
        OrgSettings.objects.for_org(world.org).update(unset_promotional="no")
    freeze.freeze(world.org.pk, run.pk)
    assert Counter(_skipped(world, run).values()) == {"no_consent": 20}


def test_the_same_address_counts_once_also_over_slices(world: World, settings: Settings) -> None:
    """A-37: the lower customer number keeps the address, whatever slice it stands in."""
    settings.SEND_SLICE_CUSTOMERS, settings.SEND_CHUNK_ROWS = 7, 4
    people = world.add_people([f"shared{n % 3}@example.com" for n in range(12)])
    with org_context(world.org.pk):
        points = ContactPoint.objects.for_org(world.org)
        AddressRef.objects.bulk_create(
            AddressRef(
                org=world.org, kind="email", key=point.key, customer_id=point.customer_id, value=point.value
            )
            for point in points
        )
    run = world.run()
    freeze.freeze(world.org.pk, run.pk)
    assert _skipped(world, run) == dict.fromkeys(people[3:], "duplicate_contact")
    queue = _queue(world, run)
    assert sorted(row.seq for row in queue.values()) == list(range(1, 24))
    with org_context(world.org.pk):
        chunks = list(Chunk.objects.for_org(world.org).filter(run_id=run.pk).order_by("no"))
        assert [seq for chunk in chunks for seq in range(chunk.first_seq, chunk.last_seq + 1)] == list(
            range(1, 24)
        )
        assert [chunk.no for chunk in chunks] == list(range(1, len(chunks) + 1))
        assert list(verify.verify_run(world.fresh(run))) == []
    drive(world, run)
    assert check(world, run) == {"sent": 23, "skipped/duplicate_contact": 9}


def test_an_org_may_send_to_one_address_more_than_once(world: World) -> None:
    """T-24"""
    with org_context(world.org.pk):
        OrgSettings.objects.for_org(world.org).update(one_send_per_address=False)
    world.add_people(["same@example.com", "same@example.com"])
    run = world.run()
    freeze.freeze(world.org.pk, run.pk)
    assert len(_queue(world, run)) == 22


def test_the_group_follows_from_customer_and_campaign_alone(transactional_db: None, carrier: Carrier) -> None:
    """A-40"""
    world = worlds.make(carrier, 200, control_permille=100)
    run = world.run()
    freeze.freeze(world.org.pk, run.pk)
    body = Body.parse(run.version.body)

    def group(customer: int) -> int:
        digest = md5(f"split:{body.campaign}:{customer}".encode(), usedforsecurity=False).hexdigest()
        return int(int(digest[:15], 16) % 1000 < 100)

    queue = _queue(world, run)
    assert {customer: row.arm for customer, row in queue.items()} == {pk: group(pk) for pk in world.people}
    assert 5 < sum(row.arm for row in queue.values()) < 40


def test_one_group_for_the_whole_org_is_the_same_in_every_campaign(
    transactional_db: None, carrier: Carrier
) -> None:
    """T-24, A-40: until it is drawn anew, and then only in campaigns made afterwards."""
    world = worlds.make(carrier, 100, control_permille=200, control_split="org")
    first, second = world.run(), world.run()
    with org_context(world.org.pk):
        OrgSettings.objects.for_org(world.org).update(split_version=2)
    third = world.run()
    groups = []
    for run in (first, second, third):
        freeze.freeze(world.org.pk, run.pk)
        groups.append({customer: row.arm for customer, row in _queue(world, run).items()})
    assert groups[0] == groups[1] != groups[2]
    assert {sum(group.values()) for group in groups} <= set(range(5, 50))


def test_excluded_and_matched_are_counted_with_a_sample(world: World) -> None:
    """A-37, A-39, M-27"""
    with org_context(world.org.pk):
        now = database_now()
        unwanted = Audience.objects.create(
            org=world.org, kind="upload", name="No", created_by=world.writer, created_at=now, updated_at=now
        )
        version = AudienceVersion.objects.create(
            org=world.org, audience=unwanted, number=1, digest="d", created_by=world.writer, created_at=now
        )
        unwanted.current = version
        unwanted.save()
        world.put_in_list(world.people[:6], version)
    world.also_exclude(unwanted)
    run = world.run()
    freeze.freeze(world.org.pk, run.pk)
    fresh = world.fresh(run)
    assert (fresh.matched, fresh.excluded, fresh.out_of_unit, fresh.targeted_customers) == (20, 6, 0, 14)
    assert fresh.samples["excluded"] == world.people[:5]
    drive(world, run)
    with org_context(world.org.pk):
        told = funnel.of_run(world.fresh(run), at=now)
        assert (told.matched, told.excluded.n, told.targeted, told.to_send.n) == (20, 6, 14, 14)
        assert MessageAudience.objects.for_org(world.org).filter(exclude=True).count() == 1


def test_the_preview_of_the_funnel_says_what_the_freeze_writes(
    transactional_db: None, carrier: Carrier
) -> None:
    """A-37, A-38, C-14"""
    world = worlds.make(carrier, 40, control_permille=300)
    out = world.add_people(["dup@example.com", "dup@example.com", None, "out@example.com"])[-1]
    world.opt_out(out)
    with org_context(world.org.pk):
        Customer.objects.for_org(world.org).filter(id__in=world.people[:35]).update(tier="Gold")
    run = world.run(content=worlds.EMAIL | {"subject": "Dear {{ customer.tier }}"})
    with org_context(world.org.pk):
        live = OrgSettings.objects.for_org(world.org).get()
        before = funnel.preview(world.org, Body.parse(run.version.body), live, at=database_now())
    freeze.freeze(world.org.pk, run.pk)
    with org_context(world.org.pk):
        waiting = funnel.of_run(world.fresh(run), at=before.at)
    assert waiting.control.n >= before.control.n  # not only those whose turn has come
    assert waiting.targeted == before.targeted
    drive(world, run)
    with org_context(world.org.pk):
        after = funnel.of_run(world.fresh(run), at=before.at)
    assert [(step.code, step.n) for step in before.skips] == [(step.code, step.n) for step in after.skips]
    assert (before.matched, before.targeted) == (after.matched, after.targeted) == (44, 44)
    assert (before.control.n, before.to_send.n) == (after.control.n, after.to_send.n)
    assert before.to_send.n == sum(world.accepted(run).values())
    assert before.skips[0].sample == after.skips[0].sample


def test_a_list_that_is_not_what_was_approved_blocks_and_goes_out_only_when_continued(
    transactional_db: None, carrier: Carrier
) -> None:
    """C-39"""
    world = worlds.make(carrier, 30, guard_customers=10, guard_percent=20)
    run = world.run(approved_count=15)
    freeze.freeze(world.org.pk, run.pk)
    fresh = world.fresh(run)
    assert (fresh.status, fresh.message.status_reason) == (Run.Status.BLOCKED, "audience_changed")
    assert not world.accepted(run)
    with org_context(world.org.pk):
        lifecycle.continue_(fresh.message, by=world.approver, at=database_now())
    drive(world, run)
    assert check(world, run) == {"sent": 30}


@pytest.mark.parametrize(("approved", "status"), [(25, "sending"), (30, "sending"), (20, "blocked")])
def test_a_small_difference_or_a_small_share_does_not_block(
    transactional_db: None, carrier: Carrier, approved: int, status: str
) -> None:
    """C-39: both 10 people and 20 percent, here."""
    world = worlds.make(carrier, 30, guard_customers=10, guard_percent=20)
    run = world.run(approved_count=approved)
    freeze.freeze(world.org.pk, run.pk)
    assert world.fresh(run).status == status


def test_a_sender_that_is_not_active_blocks_before_anything_is_written(world: World) -> None:
    """C-39"""
    run = world.run()
    with org_context(world.org.pk):
        Sender.objects.for_org(world.org).update(status=Sender.Status.FAILING)
    assert not freeze.freeze(world.org.pk, run.pk)
    fresh = world.fresh(run)
    assert (fresh.status, fresh.message.status_reason) == (Run.Status.BLOCKED, "sender_down")
    assert not _queue(world, run)
    with org_context(world.org.pk):
        Sender.objects.for_org(world.org).update(status=Sender.Status.ACTIVE)
        lifecycle.continue_(fresh.message, by=world.approver, at=database_now())
    drive(world, run)
    assert check(world, run) == {"sent": 20}


def test_a_freeze_that_died_is_deleted_and_begun_anew(world: World, settings: Settings) -> None:
    """delivery: nothing leaves before the run is Sending."""
    settings.SEND_SLICE_CUSTOMERS = 5
    run = world.run()
    plan = freeze.prepare(world.org.pk, run.pk)
    assert plan is not None
    freeze.write_slices(plan, most=2)
    assert len(_queue(world, run)) == 10
    assert not freeze.freeze(world.org.pk, run.pk), "its lease is alive"
    end_leases(world)
    assert freeze.freeze(world.org.pk, run.pk)
    with pytest.raises(freeze.FreezeLost):
        freeze.write_slices(plan)
    assert len(_queue(world, run)) == 20
    with org_context(world.org.pk):
        assert progress.of_run(world.fresh(run)).targeted == 20
        assert Tally.objects.for_org(world.org).filter(run_id=run.pk, state=0).count() == 4
    drive(world, run)
    assert check(world, run) == {"sent": 20}


def test_a_run_paused_while_it_is_prepared_is_prepared_when_it_is_resumed(world: World) -> None:
    """C-19, C-45"""
    run = world.run()
    plan = freeze.prepare(world.org.pk, run.pk)
    assert plan is not None
    with org_context(world.org.pk):
        lifecycle.pause(world.fresh(run).message, by=world.writer, at=database_now())
    with pytest.raises(freeze.FreezeLost):
        freeze.write_slices(plan)
    assert sweeper.look_after(world.org.pk).freeze == []
    freeze.let_go(plan)
    with org_context(world.org.pk):
        lifecycle.resume(world.fresh(run).message, by=world.admin, at=database_now())
    drive(world, run)
    assert check(world, run) == {"sent": 20}


def test_content_that_does_not_compile_any_more_fails_the_run(world: World) -> None:
    """C-19, C-22"""
    run = world.run()
    with org_context(world.org.pk):
        version = run.version
        version.body = version.body.replace("customer.first_name", "customer.shoe_size")
        version.save()
    freeze.freeze(world.org.pk, run.pk)
    fresh = world.fresh(run)
    assert fresh.status == Run.Status.FAILED
    assert "shoe_size" in fresh.message.status_reason


def test_values_come_from_columns_attributes_and_lists(world: World) -> None:
    """H-06"""
    with org_context(world.org.pk):
        version = world.audience.current
        assert version is not None
        Customer.objects.for_org(world.org).filter(id=world.people[0]).update(city="Pune", points=1200)
    content = worlds.EMAIL | {"subject": 'Points {{ customer.points | default: "none" }}'}
    run = world.run(content=content)
    freeze.freeze(world.org.pk, run.pk)
    queue = _queue(world, run)
    assert sorted(filter(None, queue[world.people[0]].values)) == ["1200", "Pune"]
    assert queue[world.people[0]].address_key == lookup_key("email", "person0@example.com")
    assert queue[world.people[0]].due_at <= database_now() + timedelta(seconds=1)
