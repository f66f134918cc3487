"""Senders: made, changed, proved and shared here, and handed to their adapters (H-30, T-03 to T-06)."""

from __future__ import annotations

import hashlib
import re
import secrets as random
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from django.conf import settings
from django.db import transaction
from django.urls import reverse

from channels import registry
from channels.email.address import wire
from channels.models import Sender
from channels.protocol import SenderFacts
from channels.sandbox_accounts import open_account
from channels.secrets import decrypt, encrypt
from engage.orgs import audit
from engage.orgs.models import Org, OrgUnit, TokenOrg, User


class SenderRefused(Exception):
    """The sender cannot be made or changed like this; the text is fit for the user."""


def facts(sender: Sender) -> SenderFacts:
    """The sender with its secret in the clear; keep it out of logs and pages. Raises `secrets.Unreadable`."""
    return SenderFacts(
        id=sender.pk,
        channel=sender.channel,
        adapter=sender.adapter,
        identity=sender.identity,
        display_name=sender.display_name,
        reply_to=sender.reply_to,
        config=sender.config,
        secret=decrypt(sender.secret),
    )


@dataclass(frozen=True)
class Hook:
    """Where a provider reports to, and what it signs with. Shown once; only hash and ciphertext are kept."""

    token: str
    secret: str

    @property
    def address(self) -> str:
        return settings.CONSOLE_URL + reverse("provider-hook", kwargs={"token": self.token})  # type: ignore[no-any-return]  # untyped setting


def new_hook() -> Hook:
    return Hook(random.token_urlsafe(32), random.token_urlsafe(32))


def hook_hash(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()


@transaction.atomic
def open_hook(sender: Sender, hook: Hook, *, by: User | None, at: datetime) -> None:
    """Give the sender this webhook; its former one is dead from now on."""
    sender = _lock(sender)
    if registry.adapter(sender.adapter).receipts is None:
        raise SenderRefused("This adapter's provider sends no reports.")
    if sender.hook_hash:
        TokenOrg.objects.filter(kind=TokenOrg.Kind.HOOK, token_hash=sender.hook_hash).delete()
    sender.hook_hash, sender.hook_secret = hook_hash(hook.token), encrypt(hook.secret)
    sender.save(update_fields=["hook_hash", "hook_secret"])
    TokenOrg.objects.create(kind=TokenOrg.Kind.HOOK, token_hash=sender.hook_hash, org_id=sender.org_id)
    audit.record(sender.org_id, "sender.hook_opened", by=by, at=at, target=sender)


# What a hand-over depends on: when one of them changes, the sender must be proved anew.
_CONNECTION: Final = ("adapter", "identity", "config", "secret")
_AUDITED: Final = (
    "channel", "name", "identity", "display_name", "reply_to", "adapter", "time_zone", "per_second", "per_day",
    "shared_units", "unit_id",
)  # fmt: skip


@transaction.atomic
def create(sender: Sender, *, secret: str, by: User | None, at: datetime) -> Sender:
    """Store a new sender. The first of its owner and channel is the default."""
    _check(sender)
    sender.secret, sender.created_at = encrypt(secret), at
    peers = Sender.objects.for_org(sender.org_id).filter(channel=sender.channel, unit=sender.unit)
    sender.is_default = not peers.filter(is_default=True).exists()
    sender.save()
    audit.record(sender.org_id, "sender.created", by=by, at=at, target=sender, after=_said(sender))
    return sender


@transaction.atomic
def change(sender: Sender, *, secret: str, by: User, at: datetime) -> Sender:
    """Store an edited sender; an empty `secret` keeps the stored one. Raises `SenderRefused` for a stale
    edit.
    """
    _check(sender)
    before = _lock(sender)
    if before.revision != sender.revision:
        raise SenderRefused("Someone else changed this sender meanwhile. Look at theirs, then save again.")
    sender.secret = encrypt(secret) if secret else before.secret
    if any(getattr(sender, name) != getattr(before, name) for name in _CONNECTION):
        sender.status, sender.status_reason = Sender.Status.UNVERIFIED, "Changed; test it again."
    sender.revision = before.revision + 1
    sender.save(update_fields=["name", "display_name", "reply_to", *_CONNECTION, "time_zone", "per_second", "per_day",
                               "shared_units", "status", "status_reason", "revision"])  # fmt: skip
    audit.record(
        sender.org_id,
        "sender.changed",
        by=by,
        at=at,
        target=sender,
        before=_said(before),
        after=_said(sender),
    )
    return sender


@transaction.atomic
def settle(sender: Sender, status: Sender.Status, *, reason: str = "", by: User, at: datetime) -> Sender:
    """Active, paused, failing or unverified, for a reason."""
    sender = _lock(sender)
    before, sender.status, sender.status_reason = sender.status, status, reason[:300]
    if status == Sender.Status.ACTIVE:
        sender.backing_off_until = None
    sender.save(update_fields=["status", "status_reason", "backing_off_until"])
    audit.record(
        sender.org_id,
        f"sender.{status.value}",
        by=by,
        at=at,
        target=sender,
        before={"status": before},
        after={"status": status.value},
        reason=reason,
    )
    return sender


@transaction.atomic
def make_default(sender: Sender, *, by: User, at: datetime) -> None:
    """The one that new messages of its owner and channel begin with."""
    peers = Sender.objects.for_org(sender.org_id).filter(channel=sender.channel, unit=sender.unit)
    list(peers.select_for_update().order_by("pk"))
    peers.exclude(pk=sender.pk).update(is_default=False)
    peers.filter(pk=sender.pk).update(is_default=True)
    audit.record(sender.org_id, "sender.default", by=by, at=at, target=sender)


def open_sandbox(
    org: Org,
    channel: str,
    *,
    name: str = "",
    identity: str = "",
    unit: OrgUnit | None = None,
    by: User | None,
    at: datetime,
    **behaviour: Any,
) -> Sender:
    """A sender at the sandbox carrier, ready to use: its account is opened there and reports back over a
    webhook.

    `behaviour` are settings of the account (docs/carrier.md). Raises `sandbox.CarrierUnavailable`, and then
    nothing is stored. Call inside the org's context.
    """
    account = f"{org.slug[:40]}-{channel}-{random.token_hex(3)}"
    key, hook = random.token_urlsafe(32), new_hook()
    open_account(
        account, key=key, channel=channel, webhook_url=hook.address, webhook_secret=hook.secret, **behaviour
    )
    with transaction.atomic():
        sender = Sender(
            org=org,
            unit=unit,
            channel=channel,
            name=name or "Sandbox",
            identity=identity or SANDBOX_IDENTITY[channel],
            display_name=org.name if channel == Sender.Channel.EMAIL else "",
            adapter=f"sandbox-{channel}",
            config={"account": account},
            status=Sender.Status.ACTIVE,
        )
        create(sender, secret=key, by=by, at=at)
        open_hook(sender, hook, by=by, at=at)
    sender.refresh_from_db()
    return sender


def masked(address: str) -> str:
    """Enough of a receiver to recognise one, for those who may not see addresses."""
    local, at, domain = address.rpartition("@")
    return f"{local[:1]}•••@{domain}" if at else f"{address[:3]}•••{address[-2:]}"


SANDBOX_IDENTITY: Final = {"email": "news@sandbox.example", "sms": "SANDBOX"}
_HEADER: Final = re.compile(r"[A-Za-z0-9 ]{3,11}|\+?[0-9]{3,15}")


def _check(sender: Sender) -> None:
    """Raises `SenderRefused` for an identity that no provider takes."""
    if sender.channel == Sender.Channel.EMAIL:
        for address in filter(None, (sender.identity, sender.reply_to)):
            if "@" not in address or wire(address) is None:
                raise SenderRefused(f"“{address}” is not an e-mail address.")
    elif not _HEADER.fullmatch(sender.identity):
        raise SenderRefused("An SMS header has 3 to 11 letters and digits, or is a number of 3 to 15 digits.")
    if sender.unit_id is not None and sender.shared_units:
        raise SenderRefused("Only a sender of the whole organisation can be shared with units.")


def _lock(sender: Sender) -> Sender:
    return Sender.objects.for_org(sender.org_id).select_for_update().get(pk=sender.pk)


def _said(sender: Sender) -> dict[str, Any]:
    """What the trail keeps: no secret, and not the configuration, which may hold one."""
    return {name: getattr(sender, name) for name in _AUDITED}
