"""Tracking domains: an org's own host for its links, proved by the DNS before it is used (T-24, H-20)."""

from __future__ import annotations

import secrets
from datetime import datetime
from typing import Final
from urllib.parse import urlsplit, urlunsplit

from django.conf import settings
from django.core.exceptions import ValidationError
from django.core.validators import DomainNameValidator
from django.db import IntegrityError, transaction
from django.utils.translation import gettext as _
from dns.exception import DNSException
from dns.rdatatype import CNAME, TXT, RdataType
from dns.resolver import NXDOMAIN, NoAnswer, Resolver

from campaigns.models import TrackingDomain
from channels.resolving import resolver
from engage.orgs import audit
from engage.orgs.models import Org, User

SECONDS: Final = 3.0
_valid_name = DomainNameValidator(accept_idna=False)


class DomainRefused(Exception):
    """The message says what to do."""


def platform_host() -> str:
    """The host that everybody's links use until they have their own."""
    return urlsplit(settings.TRACKING_URL).hostname or ""


def proof_name(domain: TrackingDomain) -> str:
    return f"_engage.{domain.host}"


def tracking_url(org: Org) -> str:
    """What the links of messages written now begin with."""
    domain = in_use(org)
    if domain is None:
        return str(settings.TRACKING_URL)
    platform = urlsplit(str(settings.TRACKING_URL))
    port = f":{platform.port}" if platform.port else ""
    return urlunsplit((platform.scheme, f"{domain.host}{port}", "", "", ""))


def in_use(org: Org) -> TrackingDomain | None:
    known = TrackingDomain.objects.for_org(org).filter(verified_at__isnull=False, retired_at__isnull=True)
    return known.first()


def pending(org: Org) -> TrackingDomain | None:
    """The one whose records are still to be published or looked up."""
    return TrackingDomain.objects.for_org(org).filter(verified_at__isnull=True).first()


def answers(host: str) -> bool:
    """Whether public doors answer under this host, now or for links of long ago."""
    return TrackingDomain.objects.filter(host=host.lower(), verified_at__isnull=False).exists()


@transaction.atomic
def choose(org: Org, name: str, *, by: User, at: datetime) -> TrackingDomain:
    """Begin with a host; it replaces one that was never verified. One verified before is used again at once.

    Raises `DomainRefused`.
    """
    host = _checked(name)
    pending_now = TrackingDomain.objects.for_org(org).filter(verified_at__isnull=True)
    pending_now.exclude(host=host).delete()
    domain, made = TrackingDomain.objects.for_org(org).get_or_create(
        org=org, host=host, defaults={"token": secrets.token_urlsafe(24), "created_at": at}
    )
    if made:
        audit.record(org, "domain.chosen", by=by, at=at, target=domain, after={"host": host})
    elif domain.retired_at:
        _use(domain, by=by, at=at)
    return domain


def _checked(name: str) -> str:
    try:
        host = name.strip().rstrip(".").lower().encode("idna").decode()
        _valid_name(host)
    except (UnicodeError, ValidationError):
        raise DomainRefused(_("Enter a host like links.example.com, without https:// and without a path."))
    if host == platform_host():
        raise DomainRefused(_("This is the platform's host. Enter one of your own, like links.example.com."))
    return host


def verify(domain: TrackingDomain, *, by: User, at: datetime) -> None:
    """Look for both records and use the host from now on. Raises `DomainRefused`. Takes two times `SECONDS` at most."""
    if domain.token not in _looked_up(proof_name(domain), TXT):
        raise DomainRefused(
            _("%(name)s does not hold the text yet. New records can take an hour to be seen.")
            % {"name": proof_name(domain)}
        )
    if platform_host() not in _looked_up(domain.host, CNAME):
        raise DomainRefused(
            _("%(host)s does not lead to %(platform)s yet. New records can take an hour to be seen.")
            % {"host": domain.host, "platform": platform_host()}
        )
    try:
        _use(domain, by=by, at=at)
    except IntegrityError:
        raise DomainRefused(_("This host is in use elsewhere already. Give it up there first."))


@transaction.atomic
def _use(domain: TrackingDomain, *, by: User, at: datetime) -> None:
    TrackingDomain.objects.for_org(domain.org_id).filter(
        verified_at__isnull=False, retired_at__isnull=True
    ).exclude(pk=domain.pk).update(retired_at=at)
    domain.verified_at, domain.retired_at = domain.verified_at or at, None
    domain.save()
    audit.record(domain.org_id, "domain.used", by=by, at=at, target=domain, after={"host": domain.host})


@transaction.atomic
def give_up(domain: TrackingDomain, *, by: User, at: datetime) -> None:
    """Back to the platform's host. A verified one goes on answering; one that never was is forgotten."""
    audit.record(domain.org_id, "domain.given_up", by=by, at=at, target=domain, before={"host": domain.host})
    if domain.verified_at is None:
        domain.delete()
    else:
        domain.retired_at = at
        domain.save(update_fields=["retired_at"])


def _looked_up(name: str, kind: RdataType) -> set[str]:
    """The texts or the target of a name, none where it has none. Raises `DomainRefused` where nobody answers."""
    try:
        answer = resolver(Resolver).resolve(name, kind, lifetime=SECONDS)
    except (NXDOMAIN, NoAnswer):
        return set()
    except DNSException:
        raise DomainRefused(_("The name server did not answer. Look again later."))
    if kind == CNAME:
        return {record.target.to_text(omit_final_dot=True).lower() for record in answer}
    return {b"".join(record.strings).decode("utf-8", "replace") for record in answer}
