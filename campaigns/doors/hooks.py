"""Providers' webhooks: believed only with the sender's signature over the raw body, fresh (Q-22)."""

from __future__ import annotations

import logging
from datetime import datetime

from django.db import transaction
from django.http import Http404, HttpRequest, JsonResponse
from django.utils import timezone
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_POST

from campaigns import receipts
from campaigns.receipts import bells
from channels import registry, secrets, senders
from channels.models import Sender
from channels.receipts import Forged, Malformed, Reports
from engage.orgs.models import TokenOrg
from engage.orgs.tenancy import org_context

logger = logging.getLogger(__name__)


@csrf_exempt
@require_POST
def provider_hook(request: HttpRequest, token: str) -> JsonResponse:
    """Take a provider's reports in. Anything but a 2xx makes it send the same again, which changes nothing."""
    at = timezone.now()
    hashed = senders.hook_hash(token)
    look_up = TokenOrg.objects.filter(kind=TokenOrg.Kind.HOOK, token_hash=hashed).first()
    if look_up is None:
        raise Http404
    with org_context(look_up.org_id):
        sender = Sender.objects.for_org(look_up.org_id).filter(hook_hash=hashed).first()
        if sender is None:
            raise Http404
        try:
            reports = _believed(sender, request, at)
        except Forged as forged:
            logger.warning("a report for sender %s was not believed: %s", sender.pk, forged)
            return JsonResponse({"error": "The signature does not fit."}, status=403)
        except Malformed as malformed:
            return JsonResponse({"error": str(malformed)}, status=400)
        applied = receipts.apply(sender, reports, at=at)
        for fact in applied.help:
            transaction.on_commit(bells.help_bell(sender.org_id, fact))
    return JsonResponse(
        {
            "events": applied.events,
            "parked": applied.parked,
            "replies": applied.replies,
            "unreadable": applied.unreadable,
        }
    )


def _believed(sender: Sender, request: HttpRequest, at: datetime) -> Reports:
    """What the request reports. Raises `Forged` or `Malformed`."""
    reader = registry.adapter(sender.adapter).receipts
    if reader is None:
        raise Forged("its adapter takes no reports")
    try:
        secret = secrets.decrypt(sender.hook_secret)
    except secrets.Unreadable as error:
        raise Forged(str(error)) from error
    reader.verify(request.headers, request.body, secret, now=at)
    return reader.normalise(request.body)
