"""What becomes of everybody, step by step (A-37): before a run from the rules, of a run from what it wrote."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import Final

from django.db import connection
from django.db.models import Case, F, Sum, When
from django.db.models.functions import Coalesce

from campaigns import progress
from campaigns.body import Body
from campaigns.judging import judge
from campaigns.models import Delivery, Run, Tally
from campaigns.statements import statement
from campaigns.tally import TARGETED
from engage.orgs.models import Org, OrgSettings

SAMPLE = 5
# The order of the page; a step that is empty everywhere is not shown. Codes are those of the ledger.
STEPS: Final = {
    "duplicate_contact": "Same address as another customer",
    "no_variant": "No variant fits",
    "no_contact": "No contact point",
    "invalid_contact": "Invalid or bounced address",
    "unsubscribed": "Opted out",
    "no_consent": "No consent",
    "dnd": "Do not disturb",
    "limit": "Communication limit",
    "content_error": "Missing value or text too long",
}


@dataclass(frozen=True)
class Step:
    """One line: how many, and a few of them by customer number."""

    code: str
    label: str
    n: int
    sample: list[int] = field(default_factory=list)


@dataclass(frozen=True)
class Funnel:
    """matched = excluded + out of unit + targeted; targeted = the skips + control + to send."""

    matched: int
    excluded: Step
    out_of_unit: Step
    targeted: int
    skips: list[Step]
    control: Step
    to_send: Step
    at: datetime


def preview(org: Org, body: Body, live: OrgSettings, *, at: datetime) -> Funnel:
    """What the run would write now, without writing. Raises `ContentRefused`; needs an audience and a sender."""
    judging = judge(org, body, live, at=at)
    found: dict[tuple[str, int], tuple[int, list[int]]] = {}
    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL work_mem = '64MB'")
        cursor.execute(judging.sql(statement("preview_funnel")), {**judging.params, "sample": SAMPLE})
        for reason, arm, n, sample in cursor.fetchall():
            found[reason, arm] = (n, list(sample))
    both = (Delivery.Arm.TEST, Delivery.Arm.CONTROL)

    def step(code: str, label: str, arms: tuple[int, ...] = both) -> Step:
        parts = [found[code, arm] for arm in arms if (code, arm) in found]
        sample = sorted(customer for _, some in parts for customer in some)[:SAMPLE]
        return Step(code, label, sum(n for n, _ in parts), sample)

    skips = [step(code, label) for code, label in STEPS.items()]
    sent_to_control = (Delivery.Arm.CONTROL,) if body.send_to_control else ()
    held = () if body.send_to_control else (Delivery.Arm.CONTROL,)
    return _assemble(
        excluded=step("excluded", "In an excluded audience"),
        out_of_unit=step("out_of_unit", "Outside the unit"),
        skips=skips,
        control=step("", "Control group", held),
        to_send=step("", "To send", (Delivery.Arm.TEST, *sent_to_control)),
        at=at,
    )


def of_run(run: Run, *, at: datetime) -> Funnel:
    """What a run wrote; `to_send` is everybody whom no step stopped, whatever became of the hand-over.

    Control rows that wait for their turn stand in the control group already.
    """
    counts = progress.of_run(run)
    skipped = counts.reasons["skipped"]
    samples = run.samples
    control = counts.held_out + (_control_that_waits(run) if counts.queued + counts.handing_over else 0)
    return _assemble(
        excluded=Step("excluded", "In an excluded audience", run.excluded, samples.get("excluded", [])),
        out_of_unit=Step("out_of_unit", "Outside the unit", run.out_of_unit, samples.get("out_of_unit", [])),
        skips=[
            Step(code, label, skipped.get(code, 0), _sample(run, Delivery.State.SKIPPED, code))
            for code, label in STEPS.items()
        ],
        control=Step("", "Control group", control, _sample(run, Delivery.State.HELD_OUT, "")),
        to_send=Step("", "To send", counts.targeted - counts.skipped - control),
        at=at,
    )


def _control_that_waits(run: Run) -> int:
    if Body.parse(run.version.body).send_to_control:
        return 0
    rows = Tally.objects.for_org(run.org_id).filter(run_id=run.pk, arm=Delivery.Arm.CONTROL)
    signed = Case(
        When(state=TARGETED, then=F("n")), When(state__in=Delivery.State.values, then=-F("n")), default=0
    )
    waits: int = rows.aggregate(n=Coalesce(Sum(signed), 0))["n"]
    return waits


def _sample(run: Run, state: int, reason: str) -> list[int]:
    rows = Delivery.objects.for_org(run.org_id).filter(
        run_on=run.run_on, run_id=run.pk, state=state, reason=reason
    )
    return list(rows.order_by("seq").values_list("customer_id", flat=True)[:SAMPLE])


def _assemble(
    *, excluded: Step, out_of_unit: Step, skips: list[Step], control: Step, to_send: Step, at: datetime
) -> Funnel:
    targeted = sum(step.n for step in (*skips, control, to_send))
    return Funnel(
        matched=targeted + excluded.n + out_of_unit.n,
        excluded=excluded,
        out_of_unit=out_of_unit,
        targeted=targeted,
        skips=[step for step in skips if step.n],
        control=control,
        to_send=to_send,
        at=at,
    )
