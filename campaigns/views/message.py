"""A message's page: its state and what is next, its progress, and the moves that people may make."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from django.contrib import messages as notes
from django.db import transaction
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.views.decorators.http import require_POST

from campaigns import causes, funnel, halting, lifecycle, progress, scheduling, tasks
from campaigns.lifecycle import Action, MoveRefused
from campaigns.models import Message, MessageVersion, Run
from campaigns.views.wizard import visible_message
from engage.orgs import audit, due
from engage.orgs.doors import OrgRequest, org_view

Status = Message.Status
OPEN = {Status.PREPARING, Status.SENDING, Status.PAUSED, Status.BLOCKED}
TONES = {
    Status.DRAFT: "plain", Status.AWAITING: "warn", Status.REJECTED: "bad", Status.SCHEDULED: "info",
    Status.PREPARING: "live", Status.SENDING: "live", Status.PAUSED: "warn", Status.BLOCKED: "bad",
    Status.STOPPED: "plain", Status.COMPLETED: "ok", Status.FAILED: "bad",
}  # fmt: skip
NEXT = {
    Status.DRAFT: "Finish it and submit it for approval.",
    Status.AWAITING: "Someone who did not write it must approve it.",
    Status.REJECTED: "Edit it and submit it again.",
    Status.PREPARING: "Its audience is being read and frozen.",
    Status.SENDING: "Workers are handing it over.",
    Status.PAUSED: "Nothing new is handed over until someone resumes it.",
    Status.STOPPED: "What was queued is cancelled.",
    Status.COMPLETED: "Receipts still come in.",
    Status.FAILED: "Nothing was handed over. Retry or edit it.",
}
_MOVES: dict[str, tuple[Action, Callable[..., Message], str]] = {
    "withdraw": (Action.WITHDRAW, lifecycle.withdraw, "Withdrawn: it is a draft again."),
    "edit": (Action.EDIT, lifecycle.edit, "It is a draft again."),
    "unschedule": (Action.UNSCHEDULE, lifecycle.unschedule, "Undone: nothing was sent, it is a draft again."),
    "pause": (Action.PAUSE, lifecycle.pause, "Paused."),
    "resume": (Action.RESUME, lifecycle.resume, "Resumed."),
    "stop": (Action.STOP, lifecycle.stop, "Stopped."),
    "continue": (Action.CONTINUE, lifecycle.continue_, "It goes on."),
    "reschedule": (
        Action.RESCHEDULE,
        lifecycle.reschedule,
        "It is a draft again: choose a new time and submit it.",
    ),
    "retry": (Action.RETRY, lifecycle.retry, "Trying again."),
}


def state_of(request: OrgRequest, message: Message) -> dict[str, Any]:
    """The state in words, the numbers of the send, and the buttons that this member may press."""
    at = timezone.now()
    offers = lifecycle.offers(message, message.campaign, request.settings, access=request.access, at=at)
    run = message.run
    counts = progress.of_message(message) if run else None
    answer = (
        halting.answer(run)
        if run and message.status in {Status.PAUSED, Status.STOPPED, Status.BLOCKED}
        else None
    )
    held = message.status == Status.SCHEDULED and message.hold_until is not None and message.hold_until > at
    return {
        "message": message,
        "campaign": message.campaign,
        "tone": TONES[Status(message.status)],
        "next": NEXT.get(Status(message.status), ""),
        "cause": causes.of(message.status_reason) if message.status_reason else None,
        "moves": [
            {"key": key, "action": action, "refused": offers[action]}
            for key, (action, _, _) in _MOVES.items()
            if action in offers
        ],
        "counts": counts,
        "answer": answer,
        "held": held,
        "seconds": int((message.hold_until - at).total_seconds()) + 1 if held and message.hold_until else 0,
        "moving": message.status in OPEN or held or bool(answer and not answer.settled),
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
        "funnels": [(one, funnel.of_run(one, at=one.frozen_at)) for one in runs if one.frozen_at],
        "history": audit.history(message, request.org)[:30],
        "simulated": any(one.simulated for one in runs),
    }
    return render(request, "campaigns/message.html", context)


@require_POST
@org_view("campaign.view")
def move(request: OrgRequest, pk: int) -> HttpResponse:
    """Any move of a person but submit, approve and reject: the table of C-19 says whether it may be."""
    message = visible_message(request, pk)
    known = _MOVES.get(request.POST.get("do", ""))
    if known is None:
        notes.error(request, "Choose what to do with the message.")
        return redirect("message", org=request.org.slug, pk=pk)
    _, verb, said = known
    more = {"seen": request.POST["seen"]} if verb is lifecycle.continue_ and "seen" in request.POST else {}
    at = timezone.now()
    try:
        moved = verb(message, by=request.user, at=at, **more)
    except MoveRefused as refused:
        notes.error(request, str(refused))
    else:
        _ring(moved)
        notes.success(request, _told(moved, said))
    if message.status == Status.DRAFT or verb in {lifecycle.edit, lifecycle.reschedule}:
        step = "schedule" if verb is lifecycle.reschedule else "basics"
        if Message.objects.for_org(request.org).filter(pk=pk, status=Status.DRAFT).exists():
            return redirect("message-step", org=request.org.slug, pk=pk, step=step)
    return redirect("message", org=request.org.slug, pk=pk)


def _told(message: Message, said: str) -> str:
    """A pause or stop prints how many hand-overs were in flight (C-44)."""
    if message.status not in {Status.PAUSED, Status.STOPPED} or message.run is None:
        return said
    answer = halting.answer(message.run)
    if answer.settled:
        return f"{said} Nothing more is handed over; {answer.in_flight} were in flight."
    return (
        f"{said.rstrip('.')}: stopping, {answer.in_flight} in flight. What is handed over cannot be recalled."
    )


def _ring(message: Message) -> None:
    """Work changed: look after the org's runs as soon as this commits."""
    due.set_due(message.org_id, scheduling.SEND_DUE, 0, timezone.now())
    transaction.on_commit(lambda: tasks.look_after.delay(org_id=message.org_id))


@require_POST
@org_view("message.create")
def delete(request: OrgRequest, pk: int) -> HttpResponse:
    message = visible_message(request, pk)
    campaign_id = message.campaign_id
    try:
        lifecycle.delete(message, by=request.user, at=timezone.now())
    except MoveRefused as refused:
        notes.error(request, str(refused))
        return redirect("message", org=request.org.slug, pk=pk)
    notes.success(request, f"“{message.title}” is deleted.")
    return redirect("campaign", org=request.org.slug, pk=campaign_id)
