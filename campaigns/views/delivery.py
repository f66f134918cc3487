"""What ops sees and does (M-38): the dashboard, halt and arm, Unconfirmed rows, parked reports, reasons with people."""

from __future__ import annotations

from typing import Any, Final

from django.contrib import messages
from django.db import transaction
from django.http import Http404, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.utils.dateparse import parse_datetime
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST

from audiences import customers
from campaigns import arming, halt, ledger_pages, operations, reasons, release, sender_health, tasks, wording
from campaigns.lifecycle import MoveRefused
from campaigns.models import Delivery, Run
from campaigns.operations import Period
from campaigns.progress import Progress
from channels.models import Sender
from engage.orgs import charts, formatting, ranges
from engage.orgs.access import Access, NotAllowed
from engage.orgs.charts import Series
from engage.orgs.doors import OrgRequest, org_view
from engage.orgs.models import OrgSettings
from engage.orgs.ranges import Range

State = Delivery.State
# A reason's rows are in one of these states; a Sent row's reason is its outcome's.
_STATES: Final = {state.name.lower(): state for state in State}


@org_view("ops.view")
def dashboard(request: OrgRequest) -> HttpResponse:
    within = ranges.read(request.GET.dict(), request.settings.today(timezone.now()))
    by_day = operations.counts_by_day(request.access, within)
    total = sum(by_day.values(), Progress())
    context = {
        **_under_way(request),
        "range": within,
        "presets": _presets(within),
        "total": total,
        "rate": None if total.delivery_share is None else 100 * total.delivery_share,
        "band": wording.band(total.delivery_share),
        "chart": _chart(operations.periods(by_day, within), request.settings),
        "groups": operations.groups(total),
        "delay": operations.delay(request.access, within),
        "unconfirmed": sum(operations.runs_with(request.access, State.UNCONFIRMED).values()),
        "parked": operations.parked_count(request.access),
        "fence": arming.state(),
        "may_halt": request.access.whole_org and request.access.may(halt.RIGHT),
    }
    return render(request, "campaigns/delivery.html", context)


@org_view("ops.view")
def under_way(request: OrgRequest) -> HttpResponse:
    """The part of the dashboard that moves; without scripts, a page of its own."""
    context = _under_way(request)
    name = "campaigns/_delivery_running.html" if request.htmx else "campaigns/delivery_running.html"
    return render(request, name, context)


def _under_way(request: OrgRequest) -> dict[str, Any]:
    now = timezone.now()
    runs = operations.open_runs(request.access, at=now)
    senders = list(_senders(request.access))
    health = sender_health.of_senders(request.org, senders, runs, today=request.settings.today(now))
    return {
        "now": now,
        "open_runs": runs,
        "looks": wording.LOOKS,
        "late_messages": operations.late_messages(request.access, at=now),
        "senders": health,
        "halted": request.settings.sending_halted_at,
        "halted_reason": request.settings.halted_reason,
    }


def _senders(access: Access) -> Any:
    return Sender.objects.for_org(access.org).visible_to(access).select_related("unit")


@org_view("settings.view")
def senders(request: OrgRequest) -> HttpResponse:
    """The health of the senders alone, for the page that lists them (H-31)."""
    return render(request, "campaigns/_delivery_senders.html", _under_way(request))


def _presets(within: Range) -> list[dict[str, Any]]:
    return [
        {
            "label": _("All") if name == "All" else name,
            "url": f"?range={name}",
            "current": name == within.preset,
        }
        for name in ranges.PRESETS
    ]


def _chart(periods: list[Period], settings: OrgSettings) -> charts.Chart | None:
    if not any(period.counts.ledger for period in periods):
        return None
    parts = [
        (_("Delivered"), "brand", "delivered"),
        (_("In flight, no report"), "other", ""),
        (_("Not delivered"), "warn", "not_delivered"),
        (_("Failed, unconfirmed"), "bad", ""),
    ]
    values = {
        "delivered": [period.counts.delivered for period in periods],
        "other": [period.counts.in_flight + period.counts.no_report for period in periods],
        "not_delivered": [period.counts.not_delivered for period in periods],
        "bad": [period.counts.failed + period.counts.unconfirmed for period in periods],
    }
    return charts.bars(
        [formatting.day(period.since, settings) for period in periods],
        [Series(label, tone, values[name or tone]) for label, tone, name in parts],
        title=_("Rows by outcome and day of the run"),
        style=settings,
    )


@require_POST
@org_view("ops.control", fresh=True)
def halt_or_arm(request: OrgRequest) -> HttpResponse:
    """Halt all sending of the org, or arm it again (C-46)."""
    now = timezone.now()
    try:
        if request.POST.get("do") == "arm":
            halt.arm(by=request.access, at=now)
            messages.success(request, _("Sending is armed. Blocked runs wait until somebody continues each."))
        else:
            halted = halt.halt(by=request.access, reason=request.POST.get("reason", ""), at=now)
            messages.success(
                request,
                _("Sending is halted. %(n)s runs are blocked; what is in flight finishes.")
                % {"n": halted.runs},
            )
    except halt.HaltRefused as refused:
        messages.error(request, str(refused))
    return redirect("delivery", org=request.org.slug)


@org_view("campaign.view")
def unconfirmed(request: OrgRequest) -> HttpResponse:
    """Rows whose outcome nobody knows, of all messages or `?message=`; an approver may send one again (C-23)."""
    if not (request.access.may("ops.view") or request.access.may(release.RIGHT)):
        raise NotAllowed("ops.view")
    runs = operations.runs_in_scope(request.access)
    if request.GET.get("message", "").isdigit():
        runs = runs.filter(message_id=int(request.GET["message"]))
    found = operations.runs_with(request.access, State.UNCONFIRMED, runs=runs.values_list("pk", flat=True))
    page = ledger_pages.of_runs(
        _runs(request.access, found), State.UNCONFIRMED, after=request.GET.get("after", "")
    )
    now = timezone.now()
    context = {
        "page": page,
        "total": sum(found.values()),
        "ripe_before": now - release.WAIT,
        "may_release": request.access.may(release.RIGHT),
        "names": request.access.may("customer.view"),
    }
    return render(request, "campaigns/delivery_unconfirmed.html", context)


@require_POST
@org_view("message.approve", fresh=True)
def release_row(request: OrgRequest) -> HttpResponse:
    run_id, _dot, seq = request.POST.get("row", "").partition(".")
    if not (run_id.isdigit() and seq.isdigit()):
        raise Http404
    run = get_object_or_404(operations.runs_in_scope(request.access), pk=int(run_id))
    try:
        release.release(run, int(seq), by=request.access, at=timezone.now())
    except MoveRefused as refused:
        messages.error(request, str(refused))
    else:
        messages.success(request, _("The row is queued again; every gate is checked anew at its turn."))
        org_id = request.org.pk
        transaction.on_commit(lambda: tasks.look_after.delay(org_id=org_id))
    return redirect("delivery-unconfirmed", org=request.org.slug)


@org_view("ops.view")
def parked(request: OrgRequest) -> HttpResponse:
    """Reports that fit no delivery, the newest (H-35). They name nobody: only the provider's reference is shown."""
    if not request.access.whole_org:
        raise NotAllowed("ops.view")
    senders_by_id = {sender.pk: sender for sender in Sender.objects.for_org(request.org)}
    rows = [(row, senders_by_id.get(row.sender_id)) for row in operations.parked(request.access)]
    context = {"rows": rows, "count": operations.parked_count(request.access)}
    return render(request, "campaigns/delivery_parked.html", context)


@org_view("ops.view")
def reason(request: OrgRequest, state: str, code: str) -> HttpResponse:
    """The customers of one reason over a range (H-39)."""
    if state not in _STATES:
        raise Http404
    request.access.require("customer.view")
    within = ranges.read(request.GET.dict(), request.settings.today(timezone.now()))
    runs = operations.runs_in_scope(request.access).filter(run_on__lte=within.until)
    if within.since is not None:
        runs = runs.filter(run_on__gte=within.since)
    found = operations.runs_with(
        request.access, _STATES[state], reason=code, runs=runs.values_list("pk", flat=True)
    )
    page = ledger_pages.of_runs(
        _runs(request.access, found), _STATES[state], reason=code, after=request.GET.get("after", "")
    )
    context = {
        "reason": reasons.of(code),
        "state": State(_STATES[state]).label,
        "range": within,
        "total": sum(found.values()),
        "page": page,
    }
    return render(request, "campaigns/delivery_reason.html", context)


def _runs(access: Access, ids: dict[int, int]) -> list[Run]:
    runs = operations.runs_in_scope(access).filter(pk__in=ids)
    return list(runs.select_related("message__campaign"))


@org_view("customer.view")
def customer_deliveries(request: OrgRequest, pk: int) -> HttpResponse:
    """Every message to a customer, with its state and reason; the customer's page fetches it."""
    customer = get_object_or_404(customers.visible(request.access), id=pk)
    page = ledger_pages.of_customer(
        request.access, pk, before=parse_datetime(request.GET.get("before", "").replace(" ", "+"))
    )
    name = "campaigns/_customer_deliveries.html" if request.htmx else "campaigns/customer_deliveries.html"
    return render(request, name, {"customer": customer, "page": page})
