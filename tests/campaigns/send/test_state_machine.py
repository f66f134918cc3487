"""Anything in any order: whatever people, workers, carriers and clocks do, the states add up and nobody is doubled."""

from __future__ import annotations

from contextlib import suppress
from typing import Any

import pytest
from hypothesis import HealthCheck, strategies
from hypothesis import settings as hypothesis_settings
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)
from pytest_django import Settings

from campaigns import dispatch, finishing, freeze, lifecycle, progress, sweeper, verify
from campaigns.clock import database_now
from campaigns.models import Message, Run
from campaigns.receipts import reports
from channels.receipts import Kind, Receipt, Reports
from engage.orgs.tenancy import org_context
from tests.campaigns.send import world as worlds
from tests.campaigns.send.driving import OVER, drive, end_leases, pass_time
from tests.campaigns.send.workers import Workers, environment, tell, workers
from tests.campaigns.send.world import World, check
from tests.local.carriers import Carrier

pytestmark = pytest.mark.crash

PEOPLE, WINDOW, CHUNK = 12, 2, 5
BOUNDARIES = (
    "execute:30", "execute:60", "execute:90", "commit:6", "commit:9", "write:4", "read:3", "report:2", "take:4",
)  # fmt: skip
MOODS = (
    {"answer": "later", "code": "deferred", "times": 2},
    {"answer": "drop", "times": 1},
    {"answer": "refuse", "times": 1},
    {"answer": "accept"},
)
STEPS = 0


class Sending(RuleBasedStateMachine):
    """One run, from its freeze to its end."""

    carrier: Carrier
    crew: Workers

    @initialize(control=strategies.sampled_from([0, 300]))
    def begin(self, control: int) -> None:
        self.world: World = worlds.make(self.carrier, PEOPLE, control_permille=control)
        self.run: Run = self.world.run()
        self.kills = self.lost_answers = 0

    @property
    def org(self) -> int:
        return self.world.org.pk

    def _try(self, verb: str, by: str) -> None:
        """A person's move. What the state does not allow is refused, and changes nothing."""
        with org_context(self.org):
            message = Message.objects.for_org(self.org).get(pk=self.run.message_id)
            with suppress(lifecycle.MoveRefused):
                getattr(lifecycle, verb)(message, by=getattr(self.world, by), at=database_now())

    @rule()
    def deliver_freeze(self) -> None:
        freeze.freeze(self.org, self.run.pk)

    @rule(times=strategies.sampled_from([1, 1, 2]))
    def deliver_lane(self, times: int) -> None:
        for _ in range(times):
            dispatch.work_lane(org_id=self.org, run_id=self.run.pk)

    @rule(place=strategies.sampled_from(BOUNDARIES), side=strategies.sampled_from(["before", "after"]))
    def crash_at(self, place: str, side: str) -> None:
        self.kills += self.crew.work(self.org, self.run.pk, crash_at=f"{place}:{side}")["killed"]

    @rule()
    def clock_jumps(self) -> None:
        end_leases(self.world)
        pass_time(self.world)

    @rule()
    def sweep(self) -> None:
        bells = sweeper.look_after(self.org)
        for run_id in bells.freeze:
            freeze.freeze(self.org, run_id)

    @rule(times=strategies.integers(1, 3))
    def answers_are_lost(self, times: int) -> None:
        self.world.account.behaves(answer="lose", times=times)
        self.lost_answers += times

    @rule(mood=strategies.sampled_from(MOODS))
    def the_carrier_changes_its_mind(self, mood: dict[str, Any]) -> None:
        self.world.account.behaves(**mood)

    @rule(
        kind=strategies.sampled_from([Kind.DELIVERED, Kind.BOUNCED, Kind.OPENED]),
        draw=strategies.integers(0, 99),
    )
    def a_report_comes(self, kind: Kind, draw: int) -> None:
        """Of any message that the carrier has, perhaps long before the ledger knows of it."""
        references = self.world.account.references()
        if not references:
            return
        at = database_now()
        receipt = Receipt(
            event_id=f"{kind}-{draw}", kind=kind, reference=references[draw % len(references)], provider_id="", at=at,
            code="", link="", raw="{}",
        )  # fmt: skip
        with org_context(self.org):
            reports.apply(self.world.sender, Reports((receipt,), (), ()), at=at)

    @rule(draw=strategies.integers(0, PEOPLE - 1))
    def somebody_opts_out(self, draw: int) -> None:
        self.world.opt_out(self.world.people[draw])

    @rule()
    def pause(self) -> None:
        self._try("pause", "writer")

    @rule()
    def resume(self) -> None:
        self._try("resume", "admin")

    @rule()
    def edit(self) -> None:
        """Refused while a run is open (C-20)."""
        self._try("edit", "writer")

    @precondition(lambda self: self.world.states(self.run).total() > PEOPLE // 2)
    @rule()
    def stop(self) -> None:
        self._try("stop", "admin")

    @precondition(lambda self: self.world.fresh(self.run).status == Run.Status.BLOCKED)
    @rule()
    def go_on(self) -> None:
        self._try("continue_", "approver")

    @invariant()
    def everything_adds_up(self) -> None:
        global STEPS  # noqa: PLW0603
        STEPS += 1
        check(self.world, self.run, settled=False)
        with org_context(self.org):
            fresh = self.world.fresh(self.run)
            counts = progress.of_run(fresh)
            assert counts.adds_up, counts
            if fresh.frozen_at and fresh.status != Run.Status.STOPPED:
                assert counts.targeted == PEOPLE
                assert list(verify.verify_run(fresh)) == []

    def _is_empty(self) -> bool:
        with org_context(self.org):
            return finishing.is_done(self.org, self.run.pk)

    def teardown(self) -> None:
        if not hasattr(self, "run"):
            return
        self.world.account.behaves(answer="accept")
        end_leases(self.world)
        pass_time(self.world)
        for verb, by in (("resume", "admin"), ("continue_", "approver")):
            self._try(verb, by)
        drive(self.world, self.run, let_retries_come=True)
        bound = self.kills * WINDOW * (dispatch.AHEAD + 1) + self.lost_answers + 20
        counts = check(self.world, self.run, unconfirmed_at_most=bound)
        fresh = self.world.fresh(self.run)
        assert fresh.status in OVER
        assert self._is_empty()
        if fresh.frozen_at:
            assert sum(counts.values()) == PEOPLE


def test_any_order_of_events_leaves_everybody_in_one_state(
    transactional_db: None,
    carrier: Carrier,
    process_environment: dict[str, str],
    settings: Settings,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Q-01, Q-02, Q-03, Q-04, Q-23, C-20, C-23"""
    settings.SEND_WINDOW, settings.SEND_CHUNK_ROWS, settings.SEND_RETRY_SECONDS = WINDOW, CHUNK, [0.0]
    env = environment(
        process_environment, carrier, ENGAGE_SEND_WINDOW=str(WINDOW), ENGAGE_SEND_CHUNK_ROWS=str(CHUNK),
        ENGAGE_SEND_RETRY_SECONDS="0",
    )  # fmt: skip
    with workers(env) as crew:
        machine = type("Sending", (Sending,), {"carrier": carrier, "crew": crew})
        run_state_machine_as_test(
            machine,
            settings=hypothesis_settings(
                max_examples=20, stateful_step_count=12, deadline=None, database=None,
                suppress_health_check=list(HealthCheck),
            ),
        )  # fmt: skip
    tell(capsys, f"state machine: {STEPS} steps, after each of which the outcomes added up to the audience")
