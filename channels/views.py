"""Senders of an org: list, form, test, status, webhook; the sandbox's outbox; reply words (H-30, H-31, H-38)."""

from __future__ import annotations

from typing import Any, Final

from django.conf import settings
from django.contrib import messages
from django.db.models import QuerySet
from django.http import Http404, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST

from channels import outbox, proving, registry, reply_words, sandbox, senders
from channels.email import dns_state
from channels.forms import ReplyWordsForm, SenderForm, TestForm
from channels.models import ReplyWords, Sender
from channels.registry import UnknownAdapter
from channels.secrets import Unreadable
from engage.orgs import audit
from engage.orgs.doors import OrgRequest, org_view

RIGHT: Final = "settings.senders"
# A message of the outbox is a stranger's HTML: no script, no form, no request to anybody.
FRAME_POLICY: Final = (
    "sandbox; default-src 'none'; style-src 'unsafe-inline'; img-src 'self' data:; frame-ancestors 'self'"
)


def _visible(request: OrgRequest) -> QuerySet[Sender]:
    found: QuerySet[Sender] = Sender.objects.for_org(request.org).visible_to(request.access)
    return found.select_related("unit")


def _sender(request: OrgRequest, pk: int) -> Sender:
    return get_object_or_404(_visible(request), pk=pk)


def _back(request: OrgRequest, sender: Sender) -> HttpResponse:
    return redirect("sender", org=request.org.slug, pk=sender.pk)


@org_view("settings.view")
def sender_list(request: OrgRequest) -> HttpResponse:
    """Senders in scope; their numbers are fetched from the app that counts."""
    found = [(sender, registry.adapter(sender.adapter)) for sender in _visible(request)]
    context = {
        "senders": found,
        "sandbox": bool(settings.CARRIER_URL) and request.access.may(RIGHT),
        "sandbox_channels": [
            (Sender.Channel.EMAIL.value, _("Add a sandbox e-mail sender"), "envelope"),
            (Sender.Channel.SMS.value, _("Add a sandbox SMS sender"), "chat-bubble-left"),
        ],
    }
    return render(request, "channels/senders.html", context)


@org_view(RIGHT)
def sender_new(request: OrgRequest) -> HttpResponse:
    """First the adapter, then its form."""
    try:
        adapter = registry.adapter(request.GET.get("adapter", ""))
    except UnknownAdapter:
        offered = [
            one for channel in Sender.Channel for one in registry.adapters_for(channel) if not one.sandbox
        ]
        return render(request, "channels/sender_new.html", {"adapters": offered})
    if adapter.sandbox:
        raise Http404
    sender = Sender(org=request.org, channel=adapter.capabilities.channel, adapter=adapter.key)
    form = SenderForm(request.POST or None, sender=sender, access=request.access)
    if request.method == "POST" and form.is_valid():
        try:
            made = senders.create(
                form.fill(), secret=form.cleaned_data.get("secret", ""), by=request.user, at=timezone.now()
            )
        except senders.SenderRefused as refused:
            form.add_error(None, str(refused))
        else:
            messages.success(request, _("The sender is saved. Test it now; only a tested one can be chosen."))
            return _back(request, made)
    return _form(request, form)


@org_view(RIGHT)
def sender_edit(request: OrgRequest, pk: int) -> HttpResponse:
    sender = _sender(request, pk)
    form = SenderForm(request.POST or None, sender=sender, access=request.access)
    if request.method == "POST" and form.is_valid():
        try:
            senders.change(
                form.fill(), secret=form.cleaned_data.get("secret", ""), by=request.user, at=timezone.now()
            )
        except senders.SenderRefused as refused:
            form.add_error(None, str(refused))
        else:
            messages.success(request, _("The sender is saved."))
            return _back(request, sender)
    return _form(request, form)


def _form(request: OrgRequest, form: SenderForm, **more: Any) -> HttpResponse:
    sender = form.sender
    stored = Sender.objects.for_org(request.org).filter(pk=sender.pk).select_related("unit").first()
    context = {
        "form": form,
        "sender": stored or sender,
        "adapter": form.adapter,
        "test": TestForm(
            sender=sender, initial={"to": request.user.email if sender.channel == "email" else ""}
        ),
        "history": audit.history(sender, request.org).order_by("-seq")[:20] if stored else [],
        **more,
    }
    return render(request, "channels/sender.html", context, status=422 if form.errors else 200)


@require_POST
@org_view(RIGHT)
def sender_test(request: OrgRequest, pk: int) -> HttpResponse:
    """Send one message through the sender; what the provider takes makes it active."""
    sender = _sender(request, pk)
    form = TestForm(request.POST, sender=sender)
    if not form.is_valid():
        messages.error(request, next(iter(form.errors["to"])))  # type: ignore[arg-type]  # typed where it is made
        return _back(request, sender)
    now = timezone.now()
    try:
        proving.prove(sender, form.cleaned_data["to"], at=now)
    except (proving.Refused, Unreadable) as refused:
        messages.error(request, _("The test did not pass. %(why)s") % {"why": refused})
    else:
        senders.settle(sender, Sender.Status.ACTIVE, by=request.user, at=now)
        messages.success(request, _("The provider took the test message. The sender is active."))
    return _back(request, sender)


@org_view(RIGHT)
def sender_dns(request: OrgRequest, pk: int) -> HttpResponse:
    """What the DNS says of an e-mail sender's domain: fetched by its page, a page of its own without scripts."""
    sender = _sender(request, pk)
    if sender.channel != Sender.Channel.EMAIL:
        raise Http404
    domain = sender.identity.rpartition("@")[2]
    records = dns_state.look(domain, dkim_selector=sender.config.get("dkim_selector", ""))
    template = "channels/_dns.html" if request.htmx else "channels/dns.html"
    return render(
        request, template, {"sender": sender, "domain": domain, "records": records, "at": timezone.now()}
    )


@require_POST
@org_view(RIGHT)
def sender_status(request: OrgRequest, pk: int) -> HttpResponse:
    """Pause, resume, or make the default."""
    sender, now = _sender(request, pk), timezone.now()
    deed = request.POST.get("do", "")
    if deed == "pause" and sender.status in {Sender.Status.ACTIVE, Sender.Status.FAILING}:
        senders.settle(sender, Sender.Status.PAUSED, by=request.user, at=now)
        messages.success(request, _("The sender is paused. Open runs that use it become Blocked."))
    elif deed == "resume" and sender.status == Sender.Status.PAUSED:
        senders.settle(sender, Sender.Status.ACTIVE, by=request.user, at=now)
        messages.success(request, _("The sender is active."))
    elif deed == "default":
        senders.make_default(sender, by=request.user, at=now)
        messages.success(request, _("New messages begin with this sender."))
    else:
        messages.error(request, _("Choose what to do: pause, resume or make it the default."))
    return _back(request, sender)


@require_POST
@org_view(RIGHT, fresh=True)
def sender_hook(request: OrgRequest, pk: int) -> HttpResponse:
    """A new webhook address and secret, shown on this answer and never again."""
    sender, hook = _sender(request, pk), senders.new_hook()
    try:
        senders.open_hook(sender, hook, by=request.user, at=timezone.now())
    except senders.SenderRefused as refused:
        messages.error(request, str(refused))
        return _back(request, sender)
    return _form(request, SenderForm(sender=_sender(request, pk), access=request.access), hook=hook)


@require_POST
@org_view(RIGHT)
def sender_sandbox(request: OrgRequest) -> HttpResponse:
    """A sender at the sandbox carrier, ready to use."""
    channel = request.POST.get("channel", "")
    if channel not in Sender.Channel.values or not settings.CARRIER_URL or not request.access.whole_org:
        raise Http404
    try:
        made = senders.open_sandbox(request.org, channel, by=request.user, at=timezone.now())
    except sandbox.CarrierUnavailable as away:
        messages.error(request, str(away))
        return redirect("senders", org=request.org.slug)
    messages.success(
        request, _("The sandbox sender is ready. It reaches nobody; its outbox shows what it was given.")
    )
    return _back(request, made)


@org_view("customer.view")
def outbox_list(request: OrgRequest, pk: int) -> HttpResponse:
    """What the sandbox carrier holds of this sender, the newest first."""
    sender = _sandbox_sender(request, pk)
    entries, problem = [], ""
    try:
        entries = sandbox.outbox(senders.facts(sender), before=request.GET.get("before", "")[:80])
    except (sandbox.CarrierUnavailable, Unreadable) as away:
        problem = str(away)
    reveal = request.access.may("customer.reveal")
    rows = [(entry, entry.to if reveal else senders.masked(entry.to)) for entry in entries]
    context = {"sender": sender, "rows": rows, "problem": problem}
    context["after"] = entries[-1].id if len(entries) == sandbox.PAGE else ""
    return render(request, "channels/outbox.html", context)


@org_view("customer.view")
def outbox_message(request: OrgRequest, pk: int, message: str) -> HttpResponse:
    sender = _sandbox_sender(request, pk)
    shown = _read(sender, message)
    to = shown.to if request.access.may("customer.reveal") else senders.masked(shown.to)
    context = {"sender": sender, "message": message, "shown": shown, "to": to}
    return render(request, "channels/outbox_message.html", context)


@org_view("customer.view")
def outbox_html(request: OrgRequest, pk: int, message: str) -> HttpResponse:
    """The message's HTML alone, for its frame (Q-27): another origin to itself, without scripts or network."""
    shown = _read(_sandbox_sender(request, pk), message)
    answer = HttpResponse(shown.html)
    answer["Content-Security-Policy"] = FRAME_POLICY
    answer["X-Frame-Options"] = "SAMEORIGIN"
    return answer


def _sandbox_sender(request: OrgRequest, pk: int) -> Sender:
    sender = _sender(request, pk)
    if not registry.adapter(sender.adapter).sandbox:
        raise Http404
    return sender


def _read(sender: Sender, message: str) -> outbox.Shown:
    try:
        return outbox.read(sender, message)
    except (sandbox.CarrierUnavailable, Unreadable) as away:
        raise Http404(str(away)) from away


@org_view(RIGHT)
def words(request: OrgRequest) -> HttpResponse:
    """The org's own reply words, a row a language (H-38)."""
    found = ReplyWords.objects.for_org(request.org)
    form = ReplyWordsForm(request.POST or None, instance=ReplyWords(org=request.org))
    if request.method == "POST" and form.is_valid():
        reply_words.save(form.instance, by=request.user, at=timezone.now())
        messages.success(request, _("The words count from the next reply on."))
        return redirect("reply-words", org=request.org.slug)
    return render(request, "channels/reply_words.html", {"form": form, "rows": found})


@require_POST
@org_view(RIGHT)
def words_remove(request: OrgRequest, pk: int) -> HttpResponse:
    row = get_object_or_404(ReplyWords.objects.for_org(request.org), pk=pk)
    reply_words.remove(row, by=request.user, at=timezone.now())
    messages.success(request, _("The words of this language no longer count."))
    return redirect("reply-words", org=request.org.slug)
