"""Members, invitations, roles and units: pages that need Org scope (T-10)."""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.views.decorators.http import require_POST

from engage.orgs import audit, founding, invitations, members
from engage.orgs.doors import OrgRequest, org_view
from engage.orgs.forms.people import AccessForm, InviteForm, RoleForm, UnitForm
from engage.orgs.members import ChangeRefused
from engage.orgs.models import Invitation, Member, OrgUnit, Role

RIGHT = "settings.members"


@org_view(RIGHT)
def member_list(request: OrgRequest) -> HttpResponse:
    found = (
        Member.objects.for_org(request.org)
        .exclude(status=Member.Status.REMOVED)
        .select_related("user")
        .prefetch_related("roles__role", "units__unit")
        .order_by("user__name")
    )
    open_invitations = Invitation.objects.for_org(request.org).filter(
        accepted_at__isnull=True, revoked_at__isnull=True
    )
    return render(request, "orgs/members.html", {"members": found, "invitations": open_invitations})


@org_view(RIGHT)
def member_edit(request: OrgRequest, pk: int) -> HttpResponse:
    member = get_object_or_404(Member.objects.for_org(request.org).select_related("user"), pk=pk)
    units = list(member.units.for_org(request.org).values_list("unit_id", flat=True))
    initial = {
        "roles": list(member.roles.for_org(request.org).values_list("role_id", flat=True)),
        "scope": "org" if member.scope == "org" else "units",
        "units": units,
    }
    form = AccessForm(request.POST or None, initial=initial, access=request.access)
    if request.method == "POST" and form.is_valid():
        try:
            members.give_access(
                member,
                roles=form.cleaned_data["roles"],
                units=form.units_or_none(),
                by=request.access,
                at=timezone.now(),
            )
        except ChangeRefused as refused:
            form.add_error(None, str(refused))
        else:
            messages.success(request, f"{member.user} has the new access from their next click.")
            return redirect("members", org=request.org.slug)
    context = {"form": form, "member": member, "history": audit.history(member, request.org)[:20]}
    return render(request, "orgs/member.html", context)


@require_POST
@org_view(RIGHT)
def member_status(request: OrgRequest, pk: int) -> HttpResponse:
    """Suspend, restore or remove."""
    member = get_object_or_404(Member.objects.for_org(request.org), pk=pk)
    moves = {"suspend": members.suspend, "restore": members.restore, "remove": members.remove}
    move = moves.get(request.POST.get("do", ""))
    if move is None:
        messages.error(request, "Choose what to do: suspend, restore or remove.")
    else:
        try:
            move(member, by=request.access, at=timezone.now())
        except ChangeRefused as refused:
            messages.error(request, str(refused))
        else:
            messages.success(request, "Done. It acts on the member's next click.")
    return redirect("members", org=request.org.slug)


@org_view(RIGHT)
def invite(request: OrgRequest) -> HttpResponse:
    form = InviteForm(request.POST or None, access=request.access)
    if request.method == "POST" and form.is_valid():
        try:
            invitations.invite(
                form.cleaned_data["email"],
                roles=form.cleaned_data["roles"],
                units=form.units_or_none(),
                by=request.access,
                at=timezone.now(),
            )
        except ChangeRefused as refused:
            form.add_error(None, str(refused))
        else:
            messages.success(request, f"The invitation to {form.cleaned_data['email']} is on its way.")
            return redirect("members", org=request.org.slug)
    return render(request, "orgs/invite.html", {"form": form})


@require_POST
@org_view(RIGHT)
def invitation_change(request: OrgRequest, pk: int) -> HttpResponse:
    """Send a new link, or revoke."""
    found = get_object_or_404(Invitation.objects.for_org(request.org), pk=pk)
    try:
        if request.POST.get("do") == "revoke":
            invitations.revoke(found, by=request.access, at=timezone.now())
            messages.success(request, "The invitation is revoked; its link is dead.")
        else:
            invitations.resend(found, by=request.access, at=timezone.now())
            messages.success(request, "A new link is on its way; the old one is dead.")
    except invitations.InvitationDead as dead:
        messages.error(request, str(dead))
    return redirect("members", org=request.org.slug)


@org_view(RIGHT)
def role_list(request: OrgRequest) -> HttpResponse:
    return render(request, "orgs/roles.html", {"roles": Role.objects.for_org(request.org)})


@org_view(RIGHT)
def role_edit(request: OrgRequest, pk: int | None = None) -> HttpResponse:
    """A custom role; `?copy=<id>` begins with another's rights (T-14)."""
    role = Role(org=request.org, rights=[])
    if pk is not None:
        role = get_object_or_404(Role.objects.for_org(request.org), pk=pk)
    initial: dict[str, Any] = {}
    copied = request.GET.get("copy", "")
    if pk is None and copied.isdigit():
        source = get_object_or_404(Role.objects.for_org(request.org), pk=int(copied))
        initial = {"name": f"{source.name} (copy)", "rights": source.rights}
    form = RoleForm(request.POST or None, instance=role, initial=initial, access=request.access)
    if request.method == "POST" and form.is_valid():
        try:
            members.save_role(
                form.instance, rights=form.cleaned_data["rights"], by=request.access, at=timezone.now()
            )
        except ChangeRefused as refused:
            form.add_error(None, str(refused))
        else:
            messages.success(request, f"The role {role.name} is saved.")
            return redirect("roles", org=request.org.slug)
    return render(request, "orgs/role.html", {"form": form, "role": role})


@org_view("settings.view")
def unit_list(request: OrgRequest) -> HttpResponse:
    return render(request, "orgs/units.html", {"units": OrgUnit.objects.for_org(request.org)})


@org_view("settings.general")
def unit_edit(request: OrgRequest, pk: int | None = None) -> HttpResponse:
    unit = OrgUnit(org=request.org, created_at=timezone.now())
    if pk is not None:
        unit = get_object_or_404(OrgUnit.objects.for_org(request.org), pk=pk)
    form = UnitForm(request.POST or None, instance=unit, access=request.access)
    if request.method == "POST" and form.is_valid():
        founding.save_unit(
            form.instance,
            by=request.access.user,
            at=timezone.now(),
            archive=request.POST.get("do") == "archive",
        )
        messages.success(request, f"The unit {unit.name} is saved.")
        return redirect("units", org=request.org.slug)
    return render(request, "orgs/unit.html", {"form": form, "unit": unit})
