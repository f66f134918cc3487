"""Two-factor codes (T-20): an authenticator app, and recovery codes that each work once."""

from __future__ import annotations

import secrets
from io import BytesIO

import qrcode
import qrcode.image.svg
from django.db import transaction
from django.utils.safestring import SafeString, mark_safe
from django_otp.plugins.otp_static.models import StaticDevice, StaticToken
from django_otp.plugins.otp_totp.models import TOTPDevice

from engage.orgs.models import Member, MemberRole, OrgSettings, Role, Seat, User
from engage.orgs.tenancy import org_context

RECOVERY_CODES = 10


def confirmed_device(user: User) -> TOTPDevice | None:
    return TOTPDevice.objects.filter(user=user, confirmed=True).first()


def is_required(user: User) -> bool:
    """Whether any org of the user demands a second factor: of everyone, or of those who may approve."""
    for org_id in Seat.objects.filter(user=user).values_list("org_id", flat=True):
        with org_context(org_id):
            demand = OrgSettings.objects.for_org(org_id).values_list("second_factor", flat=True).get()
            if demand == "everyone" or (demand == "approvers" and _approves(user, org_id)):
                return True
    return False


def _approves(user: User, org_id: int) -> bool:
    mine = Member.objects.for_org(org_id).filter(user=user, status=Member.Status.ACTIVE).values("pk")
    roles = MemberRole.objects.for_org(org_id).filter(member_id__in=mine).values("role_id")
    return Role.objects.for_org(org_id).filter(pk__in=roles, rights__contains=["message.approve"]).exists()


def begin(user: User) -> TOTPDevice:
    """The device being set up: the same one until it is confirmed, so that a reload shows the same picture."""
    device, _ = TOTPDevice.objects.get_or_create(
        user=user, confirmed=False, defaults={"name": "Authenticator"}
    )
    return device


def picture(device: TOTPDevice) -> SafeString:
    """The device's address as an SVG for a phone's camera."""
    image = qrcode.make(device.config_url, image_factory=qrcode.image.svg.SvgPathImage, box_size=12)
    out = BytesIO()
    image.save(out)
    text = out.getvalue().decode()
    # Drawn by the library from our own address; nothing in it is a person's text.
    return mark_safe(text[text.index("<svg") :])  # noqa: S308 - drawn by the QR library out of our own address


@transaction.atomic
def confirm(user: User, device: TOTPDevice, code: str) -> list[str] | None:
    """Turn two-factor on when the code fits; returns the recovery codes, shown once. None when it does not."""
    if not device.verify_token(code):
        return None
    TOTPDevice.objects.filter(user=user, confirmed=True).delete()
    device.confirmed = True
    device.save(update_fields=["confirmed"])
    StaticDevice.objects.filter(user=user).delete()
    spare = StaticDevice.objects.create(user=user, name="Recovery codes", confirmed=True)
    codes = [secrets.token_hex(5) for _ in range(RECOVERY_CODES)]
    StaticToken.objects.bulk_create(StaticToken(device=spare, token=code) for code in codes)
    return codes


@transaction.atomic
def turn_off(user: User) -> None:
    TOTPDevice.objects.filter(user=user).delete()
    StaticDevice.objects.filter(user=user).delete()


def check(user: User, code: str) -> bool:
    """Whether a code of the app or an unused recovery code fits. Wrong codes slow the next try (django-otp)."""
    typed = code.strip().replace(" ", "").lower()
    device = confirmed_device(user)
    if device is not None and typed.isdigit() and device.verify_token(typed):
        return True
    return any(spare.verify_token(typed) for spare in StaticDevice.objects.filter(user=user, confirmed=True))
