"""A message's page: its state and what is next, its progress, and the moves that people may make."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

from django.contrib import messages as notes
from django.db import transaction
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from django.views.decorators.http import require_POST

from campaigns import (
    batches,
    causes,
    copying,
    exports,
    funnel,
    halting,
    lifecycle,
    preview,
    progress,
    schedule,
    scheduling,
    tasks,
    unsaved,
    versions,
    wording,
)
from campaigns.lifecycle import Action, MoveRefused
from campaigns.models import BrandCopy, Message, MessageVersion, Run
from campaigns.views.previews import visible_message
from engage.orgs import audit, due, jobs
from engage.orgs.doors import OrgRequest, org_view, ring_job

Status = Message.Status
OPEN: Final = {Status.PREPARING, Status.SENDING, Status.PAUSED, Status.BLOCKED}
HISTORY: Final = 30


@dataclass(frozen=True)
class Move:
    """A button: what it does, what it says when done, and whether it is asked first what that means."""

    action: Action
    verb: Callable[..., Message]
    label: Any
    said: Any
    icon: str
    asks: Any = ""
    tone: str = ""


# In the order of the page; what a person should do first stands first.
MOVES: Final[dict[str, Move]] = {
    "continue": Move(
        Action.CONTINUE,
        lifecycle.continue_,
        _("Continue"),
        _("It goes on."),
        "play",
        asks=_("It goes on with what is still queued; every gate is checked anew."),
        tone="primary",
    ),
    "resume": Move(Action.RESUME, lifecycle.resume, _("Resume"), _("Resumed."), "play", tone="primary"),
    "retry": Move(
        Action.RETRY, lifecycle.retry, _("Retry"), _("Trying again."), "arrow-path", tone="primary"
    ),
    "pause": Move(Action.PAUSE, lifecycle.pause, _("Pause"), _("Paused."), "pause"),
    "reschedule": Move(
        Action.RESCHEDULE,
        lifecycle.reschedule,
        _("Reschedule"),
        _("It is a draft again: choose a new time and submit it."),
        "calendar",
        asks=_("It becomes a draft again and its approval is void: it must be approved anew."),
    ),
    "withdraw": Move(
        Action.WITHDRAW,
        lifecycle.withdraw,
        _("Withdraw"),
        _("Withdrawn: it is a draft again."),
        "arrow-uturn-left",
    ),
    "unschedule": Move(
        Action.UNSCHEDULE,
        lifecycle.unschedule,
        _("Unschedule"),
        _("Undone: nothing was sent, it is a draft again."),
        "arrow-uturn-left",
        asks=_("Nothing is sent. It becomes a draft again and its approval is void."),
    ),
    "edit": Move(
        Action.EDIT,
        lifecycle.edit,
        _("Edit"),
        _("It is a draft again."),
        "pencil",
        asks=_(
            "It becomes a draft again: what was submitted or approved is void, and it must be approved anew."
        ),
    ),
    "stop": Move(
        Action.STOP,
        lifecycle.stop,
        _("Stop"),
        _("Stopped."),
        "stop",
        asks=_("What is queued becomes Cancelled, for good. What is handed over cannot be recalled."),
        tone="danger",
    ),
}


def state_of(request: OrgRequest, message: Message) -> dict[str, Any]:
    """The state in words, the numbers of the send, and the buttons that this member may press."""
    at = timezone.now()
    offers = lifecycle.offers(message, message.campaign, request.settings, access=request.access, at=at)
    run = message.run
    counts = progress.of_message(message) if run else None
    throttled = message.throttle_per_hour is not None
    stopping = message.status in {Status.PAUSED, Status.STOPPED, Status.BLOCKED}
    answer = halting.answer(run) if run and stopping else None
    scheduled = message.status == Status.SCHEDULED
    held = scheduled and message.hold_until is not None and message.hold_until > at
    starting = scheduled and message.due_at is not None and message.due_at <= at
    moves = [
        {"key": key, "move": move, "refused": offers[move.action]}
        for key, move in MOVES.items()
        if move.action in offers and not (held and key == "edit")
    ]
    decides = message.status == Status.AWAITING and request.access.may("message.approve")
    writes = message.status == Status.DRAFT and request.access.may("message.create")
    return {
        "message": message,
        "campaign": message.campaign,
        "look": wording.LOOKS[message.status],
        "label": wording.label(message, counts),
        "why": wording.why(message, message.campaign, request.settings, at=at, counts=counts),
        "moves": moves,
        "may_act": bool(moves) or decides or writes,
        "may_see_unconfirmed": request.access.may("ops.view") or request.access.may("message.approve"),
        "counts": counts,
        # While it goes out many outcomes are still on their way, and a word would alarm for nothing.
        "band": wording.band(counts.delivery_share)
        if counts and message.status != Status.SENDING
        else ("", ""),
        "batches": batches.of_run(run, counts, request.settings, at=at)
        if run and throttled and counts
        else None,
        "answer": answer,
        "held": held,
        "seconds": int((message.hold_until - at).total_seconds()) + 1 if held and message.hold_until else 0,
        "moving": message.status in OPEN or held or starting or bool(answer and not answer.settled),
        "run": run,
    }


@org_view("campaign.view")
def page(request: OrgRequest, pk: int) -> HttpResponse:
    message = visible_message(request, pk)
    context = state_of(request, message)
    if request.htmx:
        return render(request, "campaigns/_message_state.html", context)
    runs = list(Run.objects.for_org(request.org).filter(message=message))
    context |= {
        "versions": MessageVersion.objects.for_org(request.org)
        .filter(message=message)
        .select_related("submitted_by", "decided_by"),
        "audience_rows": message.audiences.for_org(message.org_id).select_related(
            "audience__current", "pinned", "held"
        ),
        "copies": BrandCopy.objects.for_org(request.org).filter(run=message.run) if message.run else [],
        "planned": message.due_at or schedule.planned_at(message),
        "customers": preview.customers_of(
            message, versions.outline(message, message.campaign, request.settings), request.settings
        ),
        "funnels": [(one, funnel.of_run(one, at=one.frozen_at)) for one in runs if one.frozen_at],
        "history": audit.history(message, request.org)[:HISTORY],
        "simulated": any(one.simulated for one in runs),
        "rejection": versions.rejection(message),
        "token": unsaved.new_token(),
        "may_export": bool(runs) and all(request.access.may(right) for right in exports.RIGHTS),
    }
    return render(request, "campaigns/message.html", context)


@org_view("campaign.view")
def move(request: OrgRequest, pk: int) -> HttpResponse:
    """Any move of a person but submit, approve and reject: the table of C-19 says whether it may be.

    A GET asks first, and prints what is left.
    """
    message = visible_message(request, pk)
    data = request.POST if request.method == "POST" else request.GET
    key = data.get("do", "")
    chosen = MOVES.get(key)
    if chosen is None:
        notes.error(request, gettext("Choose what to do with the message."))
        return redirect("message", org=request.org.slug, pk=pk)
    if request.method != "POST":
        return render(request, "campaigns/message_move.html", _asked(request, message, key))
    more = {"seen": data["seen"]} if chosen.action is Action.CONTINUE and "seen" in data else {}
    try:
        moved = chosen.verb(message, by=request.user, at=timezone.now(), **more)
    except MoveRefused as refused:
        notes.error(request, str(refused))
        return redirect("message", org=request.org.slug, pk=pk)
    _ring(moved)
    notes.success(request, _told(moved, str(chosen.said)))
    if moved.status == Status.DRAFT and chosen.action in {Action.EDIT, Action.RESCHEDULE}:
        step = "schedule" if chosen.action is Action.RESCHEDULE else "basics"
        return redirect("message-step", org=request.org.slug, pk=pk, step=step)
    return redirect("message", org=request.org.slug, pk=pk)


def _asked(request: OrgRequest, message: Message, key: str) -> dict[str, Any]:
    state = state_of(request, message)
    offered = next((one for one in state["moves"] if one["key"] == key), None)
    refused = (
        offered["refused"]
        if offered
        else gettext("It is no longer possible, or your role does not allow it.")
    )
    return state | {
        "key": key,
        "asked": MOVES[key],
        "refused": refused,
        "cause": causes.of(message.status_reason) if message.status_reason else None,
    }


def _told(message: Message, said: str) -> str:
    """A pause or stop prints how many hand-overs were in flight (C-44)."""
    if message.status not in {Status.PAUSED, Status.STOPPED} or message.run is None:
        return said
    answer = halting.answer(message.run)
    if answer.settled:
        return gettext("%(said)s Nothing more is handed over; %(n)d were in flight.") % {
            "said": said,
            "n": answer.in_flight,
        }
    return gettext("%(said)s Stopping, %(n)d in flight. What is handed over cannot be recalled.") % {
        "said": said,
        "n": answer.in_flight,
    }


def _ring(message: Message) -> None:
    """Work changed: look after the org's runs as soon as this commits."""
    due.set_due(message.org_id, scheduling.SEND_DUE, 0, timezone.now())
    transaction.on_commit(lambda: tasks.look_after.delay(org_id=message.org_id))


@require_POST
@org_view("message.create")
def duplicate(request: OrgRequest, pk: int) -> HttpResponse:
    """A copy in the same campaign (C-09); a second press opens the same one."""
    message, at = visible_message(request, pk), timezone.now()
    deed = f"again:{pk}:{request.POST.get('token') or unsaved.new_token()}"
    claim, first = unsaved.once(request.access, deed, at=at)
    if first:
        try:
            copy = copying.beside(message, by=request.user, at=at)
        except MoveRefused as refused:
            claim.delete()
            notes.error(request, str(refused))
            return redirect("message", org=request.org.slug, pk=pk)
        claim.fields = {"message": copy.pk}
        claim.save(update_fields=["fields"])
        notes.success(
            request, gettext("“%(title)s” is the copy, without time and approval.") % {"title": copy.title}
        )
    return redirect("message-step", org=request.org.slug, pk=claim.fields["message"], step="basics")


@require_POST
@org_view("report.export")
def export(request: OrgRequest, pk: int) -> HttpResponse:
    """Its deliveries as a file, by a job (C-53)."""
    job = exports.ask(visible_message(request, pk), access=request.access, at=timezone.now())
    ring_job(job)
    return redirect(jobs.page_of(job), org=request.org.slug, pk=job.pk)


@org_view("message.create")
def delete(request: OrgRequest, pk: int) -> HttpResponse:
    """Asks, and deletes a message that never ran (C-20)."""
    message = visible_message(request, pk)
    refused = gettext("It has had a run, so its results are kept.") if message.run_id is not None else ""
    if request.method == "POST":
        try:
            lifecycle.delete(message, by=request.user, at=timezone.now())
        except MoveRefused as refusal:
            refused = str(refusal)
        else:
            notes.success(request, gettext("“%(title)s” is deleted.") % {"title": message.title})
            return redirect("campaign", org=request.org.slug, pk=message.campaign_id)
    context = {"message": message, "campaign": message.campaign, "refused": refused}
    status = 409 if request.method == "POST" else 200
    return render(request, "campaigns/message_delete.html", context, status=status)
