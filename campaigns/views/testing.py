"""Test sends (C-48), and the contacts that they may go to (T-27)."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from django.contrib import messages as notes
from django.db import transaction
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.utils.translation import gettext, ngettext
from django.views.decorators.http import require_POST

from campaigns import merge_sql, preview, tasks, test_sends, unsaved, versions
from campaigns.compiling import audience_versions
from campaigns.forms.testing import ColleagueForm, TestForm
from campaigns.models import BrandContact, Message, TestContact, TestSend
from campaigns.test_sends import TestRefused
from campaigns.views.previews import visible_message
from channels.merge import ContentRefused
from channels.tags import Tag
from engage.orgs import audit
from engage.orgs.doors import OrgRequest, org_view


@org_view("message.test")
def message_test(request: OrgRequest, pk: int) -> HttpResponse:
    """Whom and with what; below it what became of the last tests."""
    message, at = visible_message(request, pk), timezone.now()
    body = versions.outline(message, message.campaign, request.settings)
    people = test_sends.contacts_of(message)
    form = TestForm(
        request.POST or None,
        people=people,
        customers=preview.customers_of(message, body, request.settings),
        tags=_used_tags(request, message),
    )
    if request.method == "POST" and form.is_valid():
        try:
            _send_once(request, message, form, at)
        except TestRefused as refused:
            form.add_error(None, str(refused))
        else:
            return redirect("message-test", org=request.org.slug, pk=pk)
    return _page(request, message, form)


def _send_once(request: OrgRequest, message: Message, form: TestForm, at: datetime) -> None:
    """A second press of the button sends nothing more."""
    token = request.POST.get("token") or unsaved.new_token()
    claim, first = unsaved.once(request.access, f"test:{message.pk}:{token}", at=at)
    if not first:
        return
    try:
        tests = test_sends.ask(
            message,
            form.chosen(),
            access=request.access,
            settings=request.settings,
            at=at,
            customer_id=form.cleaned_data["customer"],
            values=form.values(),
        )
    except TestRefused:
        claim.delete()
        raise
    _ring(tests)
    said = ngettext("%(n)d test is on its way.", "%(n)d tests are on their way.", len(tests))
    notes.success(request, said % {"n": len(tests)})


def _page(request: OrgRequest, message: Message, form: TestForm) -> HttpResponse:
    at = timezone.now()
    sent = list(TestSend.objects.for_org(request.org).filter(message=message).select_related("user")[:20])
    context: dict[str, Any] = {
        "message": message,
        "campaign": message.campaign,
        "form": form,
        "people": form.people,
        "sent": sent,
        "waiting": any(test.finished_at is None for test in sent[:10]),
        "left": test_sends.left(request.access, request.settings, at=at),
        "token": request.POST.get("token") or unsaved.new_token(),
    }
    if request.htmx:
        return render(request, "campaigns/_tests.html", context)
    return render(request, "campaigns/message_test.html", context, status=422 if form.errors else 200)


def _used_tags(request: OrgRequest, message: Message) -> list[Tag]:
    """The tags whose values differ by customer and stand in the content; none while it does not compile."""
    body = versions.outline(message, message.campaign, request.settings)
    if not body.contents:
        return []
    try:
        compiled = versions.compile_one(message, body.contents[0], body)
    except ContentRefused:
        return []
    known = merge_sql.catalogue(request.org, audience_versions(request.org, body, exclude=False))
    return [known[slot] for slot in compiled.slots if slot in known]


def _ring(tests: list[TestSend]) -> None:
    def bells() -> None:
        for test in tests:
            tasks.send_test.delay(org_id=test.org_id, test_id=test.pk)

    transaction.on_commit(bells)


@org_view("settings.general")
def contacts(request: OrgRequest) -> HttpResponse:
    """Whom tests go to, who gets copies, and a form for one more."""
    form = ColleagueForm(request.POST or None, settings=request.settings)
    if request.method == "POST" and form.is_valid():
        at = timezone.now()
        colleague = form.save(at=at)
        audit.record(request.org, f"{_kind(colleague)}.added", by=request.user, at=at, target=colleague)
        notes.success(request, gettext("%(name)s is added.") % {"name": colleague.name})
        return redirect("settings-test-contacts", org=request.org.slug)
    context = {
        "form": form,
        "tests": TestContact.objects.for_org(request.org),
        "copies": BrandContact.objects.for_org(request.org),
    }
    status = 422 if form.errors else 200
    return render(request, "campaigns/test_contacts.html", context, status=status)


@require_POST
@org_view("settings.general")
def remove(request: OrgRequest, pk: int) -> HttpResponse:
    return _remove(request, get_object_or_404(TestContact.objects.for_org(request.org), pk=pk))


@require_POST
@org_view("settings.general")
def remove_brand(request: OrgRequest, pk: int) -> HttpResponse:
    return _remove(request, get_object_or_404(BrandContact.objects.for_org(request.org), pk=pk))


def _remove(request: OrgRequest, colleague: TestContact | BrandContact) -> HttpResponse:
    at = timezone.now()
    audit.record(request.org, f"{_kind(colleague)}.removed", by=request.user, at=at, target=colleague)
    colleague.delete()
    notes.success(request, gettext("%(name)s is removed.") % {"name": colleague.name})
    return redirect("settings-test-contacts", org=request.org.slug)


def _kind(colleague: TestContact | BrandContact) -> str:
    return "brand_contact" if isinstance(colleague, BrandContact) else "test_contact"
