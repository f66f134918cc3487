"""Signing in and out, proving who one is again, one's own account, accepting an invitation."""

from __future__ import annotations

from typing import cast

from django.contrib import messages
from django.contrib.auth import authenticate, login, logout, update_session_auth_hash
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.utils.http import url_has_allowed_host_and_scheme
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_POST
from django_otp import login as otp_login

from engage.orgs import audit, invitations, second_factor, signin
from engage.orgs.doors import client_address
from engage.orgs.forms.people import (
    AcceptForm,
    AccountForm,
    CodeForm,
    NewPasswordForm,
    ProveForm,
    SignInForm,
)
from engage.orgs.models import Invitation, User

WAITING = "signin_user"


def _next(request: HttpRequest) -> str:
    """Where to go afterwards: only inside this console."""
    wanted = request.POST.get("next") or request.GET.get("next", "")
    if url_has_allowed_host_and_scheme(wanted, {request.get_host()}, require_https=request.is_secure()):
        return wanted
    return "home"


@never_cache
@sensitive_post_parameters("password")
def sign_in(request: HttpRequest) -> HttpResponse:
    """Never says whether an account exists (T-19)."""
    form = SignInForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        email, address = form.cleaned_data["email"], client_address(request)
        if signin.is_paused(email, address):
            form.add_error(None, "Too many tries. Wait a quarter of an hour, then try again.")
        elif (user := authenticate(request, username=email, password=form.cleaned_data["password"])) is None:
            _count_failure(request, email)
            form.add_error(None, "E-mail or password is wrong.")
        else:
            signin.forget_failures(email, address)
            return _enter(request, user)
    return render(request, "orgs/sign_in.html", {"form": form, "next": _next(request)})


def _enter(request: HttpRequest, user: User) -> HttpResponse:
    if second_factor.confirmed_device(user) is not None:
        request.session.cycle_key()
        request.session[WAITING] = user.pk
        request.session["signin_next"] = _next(request)
        return redirect("sign-in-code")
    _open_session(request, user)
    return redirect(_next(request))


def _open_session(request: HttpRequest, user: User) -> None:
    at = timezone.now()
    login(request, user, backend="engage.orgs.signin.EmailBackend")
    request.session["proved_at"] = at.timestamp()
    with audit.from_address(client_address(request)):
        signin.keep(user, "signin.succeeded", at=at)


def _count_failure(request: HttpRequest, email: str) -> None:
    address = client_address(request)
    signin.count_failure(email, address)
    user = User.objects.by_email(email)
    if user is not None:
        with audit.from_address(address):
            signin.keep(user, "signin.failed", at=timezone.now())


@never_cache
def sign_in_code(request: HttpRequest) -> HttpResponse:
    """The second step, for people with two-factor codes."""
    user = User.objects.filter(pk=request.session.get(WAITING, 0)).first()
    if user is None:
        return redirect("sign-in")
    form = CodeForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        address = client_address(request)
        if signin.is_paused(user.email, address):
            form.add_error("code", "Too many tries. Wait a quarter of an hour, then try again.")
        elif second_factor.check(user, form.cleaned_data["code"]):
            goal = request.session.get("signin_next", "home")
            _open_session(request, user)
            device = second_factor.confirmed_device(user)
            if device is not None:
                otp_login(request, device)
            return redirect(goal)
        else:
            _count_failure(request, user.email)
            form.add_error("code", "This code does not fit. Wait for the next one and try again.")
    return render(request, "orgs/sign_in_code.html", {"form": form})


@require_POST
def sign_out(request: HttpRequest) -> HttpResponse:
    logout(request)
    return redirect("sign-in")


@never_cache
@login_required
@sensitive_post_parameters("proof")
def prove(request: HttpRequest) -> HttpResponse:
    """Fresh proof of identity; then back to the page, where the action is pressed again."""
    user = cast("User", request.user)
    by_code = second_factor.confirmed_device(user) is not None
    form = ProveForm(request.POST or None, by_code=by_code)
    if request.method == "POST" and form.is_valid():
        address, proof = client_address(request), form.cleaned_data["proof"]
        fits = second_factor.check(user, proof) if by_code else user.check_password(proof)
        if signin.is_paused(user.email, address):
            form.add_error("proof", "Too many tries. Wait a quarter of an hour, then try again.")
        elif fits:
            signin.forget_failures(user.email, address)
            request.session["proved_at"] = timezone.now().timestamp()
            messages.success(request, "Thank you. Press the button once more to go on.")
            return redirect(_next(request))
        else:
            _count_failure(request, user.email)
            form.add_error("proof", "That does not fit. Try again.")
    return render(request, "orgs/prove.html", {"form": form, "next": _next(request)})


@never_cache
@login_required
def account(request: HttpRequest) -> HttpResponse:
    user = cast("User", request.user)
    form = AccountForm(request.POST or None, instance=user)
    if request.method == "POST" and form.is_valid():
        form.save()
        messages.success(request, "Saved.")
        return redirect("account")
    device = second_factor.confirmed_device(user)
    context = {"form": form, "device": device, "required": second_factor.is_required(user)}
    return render(request, "orgs/account.html", context)


@never_cache
@login_required
@sensitive_post_parameters("password", "proof")
def change_password(request: HttpRequest) -> HttpResponse:
    """The old password (or a code) and a new one; other sessions end."""
    user = cast("User", request.user)
    by_code = second_factor.confirmed_device(user) is not None
    form = NewPasswordForm(request.POST or None, user=user)
    proof = ProveForm(request.POST or None, by_code=by_code)
    if request.method == "POST" and form.is_valid() and proof.is_valid():
        typed = proof.cleaned_data["proof"]
        if second_factor.check(user, typed) if by_code else user.check_password(typed):
            user.set_password(form.cleaned_data["password"])
            user.save(update_fields=["password"])
            update_session_auth_hash(request, user)
            messages.success(request, "Your password is changed.")
            return redirect("account")
        proof.add_error("proof", "That does not fit. Try again.")
    return render(request, "orgs/change_password.html", {"form": form, "proof": proof})


@never_cache
@login_required
def set_up_codes(request: HttpRequest) -> HttpResponse:
    """Set up two-factor codes: scan, type one code, keep the recovery codes."""
    user = cast("User", request.user)
    device = second_factor.begin(user)
    form = CodeForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        codes = second_factor.confirm(user, device, form.cleaned_data["code"].replace(" ", ""))
        if codes is not None:
            otp_login(request, device)
            return render(request, "orgs/recovery_codes.html", {"codes": codes})
        form.add_error(
            "code", "This code does not fit. Check the phone's clock, wait for the next code, try again."
        )
    context = {"form": form, "device": device, "picture": second_factor.picture(device)}
    return render(request, "orgs/set_up_codes.html", context)


@login_required
@require_POST
def turn_off_codes(request: HttpRequest) -> HttpResponse:
    user = cast("User", request.user)
    if second_factor.is_required(user):
        messages.error(request, "An organisation of yours requires two-factor codes, so they stay on.")
    elif second_factor.check(user, request.POST.get("code", "")):
        second_factor.turn_off(user)
        messages.success(request, "Two-factor codes are off.")
    else:
        messages.error(request, "This code does not fit; two-factor codes stay on.")
    return redirect("account")


@never_cache
def invitation(request: HttpRequest, token: str) -> HttpResponse:
    """Accept an invitation: with a new account, or the one that has the invited address (T-17)."""
    at = timezone.now()
    try:
        offer = invitations.find(token, at=at)
        known = User.objects.by_email(offer.email)
        context = {"offer": offer, "known": known is not None, "token": token}
        if request.user.is_authenticated or known is not None:
            return _accept_signed_in(request, offer, context)
        fresh = User(email=offer.email)
        form = AcceptForm(request.POST or None, user=fresh)
        if request.method == "POST" and form.is_valid():
            user = User.objects.create_user(
                offer.email, form.cleaned_data["name"], form.cleaned_data["password"]
            )
            invitations.accept(offer, user, at=at)
            _open_session(request, user)
            return redirect("home")
        return render(request, "orgs/invitation.html", context | {"form": form})
    except invitations.InvitationDead as dead:
        return render(request, "orgs/invitation_dead.html", {"why": str(dead)}, status=410)


def _accept_signed_in(request: HttpRequest, offer: Invitation, context: dict[str, object]) -> HttpResponse:
    if request.method == "POST" and request.user.is_authenticated:
        invitations.accept(offer, request.user, at=timezone.now())
        messages.success(request, f"Welcome to {offer.org.name}.")
        return redirect("home")
    return render(request, "orgs/invitation.html", context)
