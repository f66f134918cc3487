"""The customers' pages. Addresses are masked; showing them is a right of its own, and audited."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from django import forms
from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.utils.dateparse import parse_datetime
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST

from audiences import consent, customers
from audiences.consent import ClearRefused
from audiences.contacts import masked
from audiences.models import Channel, ContactPoint, Customer, MessageClass, Profile, Store
from engage.orgs import audit
from engage.orgs.access import Access
from engage.orgs.doors import OrgRequest, org_view


@org_view("customer.view")
def customer_list(request: OrgRequest) -> HttpResponse:
    """The newest, or what a search finds. A search is posted: an address has no place in a URL (Q-26)."""
    text = request.POST.get("q", "").strip()
    before = request.GET.get("before", "")
    found = customers.search(
        request.access, request.settings, text, before=int(before) if before.isdigit() else None
    )
    rows = [
        {
            "customer": row.customer,
            "profile": row.profile,
            "email": _masked(row.contacts.get("email")),
            "phone": _masked(row.contacts.get("phone")),
        }
        for row in found.rows
    ]
    context = {"rows": rows, "found": found, "q": text, "first": not before}
    template = "audiences/_customers.html" if request.htmx else "audiences/customers.html"
    return render(request, template, context)


def _masked(contact: ContactPoint | None) -> str:
    return masked(contact.kind, contact.value) if contact else ""


def _customer(access: Access, pk: int) -> Customer:
    return get_object_or_404(customers.visible(access), id=pk)


@org_view("customer.view")
def customer_page(request: OrgRequest, pk: int) -> HttpResponse:
    """Profile, reachability, consent, purchases (A-05). What campaigns sent is theirs, fetched by the page."""
    customer = _customer(request.access, pk)
    access = request.access
    store = Store.objects.for_org(request.org).filter(pk=customer.home_store_id or 0).first()
    context = {
        "customer": customer,
        "store": store,
        "units": customers.unit_names(access, pk),
        "profile": Profile.objects.for_org(request.org).filter(customer_id=pk).first(),
        "attributes": customers.attributes(access, pk),
        "reach": customers.reach(request.settings, pk),
        "consents": customers.consents(access, pk)[:50],
        "choices": {"channels": Channel.choices, "classes": MessageClass.choices},
        **_contacts(access, pk, revealed=False),
        **_purchases(access, pk, None),
    }
    return render(request, "audiences/customer.html", context)


def _contacts(access: Access, pk: int, *, revealed: bool) -> dict[str, Any]:
    rows = [
        {
            "contact": contact,
            "shown": contact.value if revealed else masked(contact.kind, contact.value),
            "clearable": contact.state in consent.BROKEN,
        }
        for contact in customers.contacts(access, pk)
    ]
    return {"contacts": rows, "revealed": revealed}


def _purchases(access: Access, pk: int, before: datetime | None) -> dict[str, Any]:
    bought, older = customers.purchases(access, pk, before=before)
    return {"bought": bought, "older": older.isoformat() if older else ""}


@org_view("customer.view")
def customer_purchases(request: OrgRequest, pk: int) -> HttpResponse:
    """Older bills than those on the page."""
    customer = _customer(request.access, pk)
    before = parse_datetime(request.GET.get("before", ""))
    context = {"customer": customer, **_purchases(request.access, pk, before)}
    template = "audiences/_purchases.html" if request.htmx else "audiences/purchases.html"
    return render(request, template, context)


@require_POST
@org_view("customer.reveal")
def customer_reveal(request: OrgRequest, pk: int) -> HttpResponse:
    """Show the addresses once, and write down that they were shown (T-31)."""
    customer = _customer(request.access, pk)
    audit.record(request.org, "customer.revealed", by=request.user, at=timezone.now(), target=customer)
    context = {"customer": customer, **_contacts(request.access, pk, revealed=True)}
    template = "audiences/_contacts.html" if request.htmx else "audiences/contacts.html"
    return render(request, template, context)


@require_POST
@org_view("customer.edit")
def customer_clear(request: OrgRequest, pk: int) -> HttpResponse:
    """Declare an invalid or hard bounced address usable again (A-11). Named by key: it is masked on the page."""
    customer = _customer(request.access, pk)
    contact = get_object_or_404(
        customers.contacts(request.access, pk), kind=request.POST.get("kind"), key=_number(request, "key")
    )
    try:
        consent.clear_contact(
            request.org, pk, contact.kind, contact.value, by=request.user, at=timezone.now(),
            reason=request.POST.get("reason", ""),
        )  # fmt: skip
    except ClearRefused as refused:
        messages.error(request, str(refused))
    else:
        messages.success(request, _("The address is usable again."))
    return redirect("customer", org=request.org.slug, pk=customer.id)


def _number(request: OrgRequest, name: str) -> int:
    """A whole number of the form; 0, which no row has, for anything else."""
    text = request.POST.get(name, "")
    return int(text) if text.lstrip("-").isdecimal() and len(text) < 21 else 0


class ConsentForm(forms.Form):
    """What a customer told staff."""

    channel = forms.ChoiceField(label="Channel", choices=Channel.choices)
    message_class = forms.ChoiceField(label="Class", choices=MessageClass.choices)
    value = forms.TypedChoiceField(
        label="The customer said", choices=[("no", "No"), ("yes", "Yes")], coerce=lambda value: value == "yes"
    )
    reason = forms.CharField(
        label="How they said it", max_length=200, help_text="By phone, in the store, by letter …"
    )


@org_view("customer.edit")
def customer_consent(request: OrgRequest, pk: int) -> HttpResponse:
    """Write down what a customer said; it acts on everything not yet claimed (A-11, Q-14)."""
    customer = _customer(request.access, pk)
    form = ConsentForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        said, at = form.cleaned_data, timezone.now()
        former = {
            f"{row.channel} {row.message_class}": row.value for row in customers.reach(request.settings, pk)
        }
        what = f"{said['channel']} {said['message_class']}"
        consent.record(
            request.org,
            pk,
            said["channel"],
            said["message_class"],
            value=said["value"],
            at=at,
            source="staff",
        )
        audit.record(
            request.org, "consent.recorded", by=request.user, at=at, target=customer,
            before={what: former[what]}, after={what: said["value"]}, reason=said["reason"],
        )  # fmt: skip
        messages.success(request, _("Saved. It holds from now on."))
        return redirect("customer", org=request.org.slug, pk=customer.id)
    status = 422 if form.errors else 200
    return render(request, "audiences/consent.html", {"customer": customer, "form": form}, status=status)
