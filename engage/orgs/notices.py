"""Mail to members, written with the change it tells of and sent afterwards. It holds no customer data (T-26)."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta

from django.core.mail import EmailMessage
from django.utils import timezone

from engage.orgs import due
from engage.orgs.models import Notice, Org
from engage.orgs.tenancy import org_context, org_pk

DUE_KIND = "notice"
TRIES = 8


def write(
    org: Org | int, recipients: Iterable[str], subject: str, body: str, *, at: datetime
) -> Notice | None:
    """Write a mail down; None when there is nobody to tell. Call inside the org's context."""
    addresses = sorted({address.strip().lower() for address in recipients if address.strip()})
    if not addresses:
        return None
    notice = Notice.objects.create(
        org_id=org_pk(org), recipients=addresses, subject=subject, body=body, created_at=at
    )
    due.set_due(org, DUE_KIND, notice.pk, at)
    return notice


def deliver(org_id: int, notice_id: int) -> None:
    """Send one notice, once a recipient: each gets a mail of their own. Safe to repeat.

    A copy may go out twice when a worker dies between the mail server's answer and our note of it: these are mails to
    colleagues, and losing one would be worse.
    """
    with org_context(org_id):
        notice = (
            Notice.objects.for_org(org_id)
            .filter(pk=notice_id, sent_at__isnull=True)
            .select_for_update(skip_locked=True)
            .first()
        )
        if notice is None:
            return
        try:
            for address in list(notice.recipients):
                EmailMessage(notice.subject, notice.body, to=[address]).send()
                notice.recipients = [other for other in notice.recipients if other != address]
        except OSError as failure:  # smtplib's errors are OSErrors
            _try_later(notice, failure)
            return
        notice.sent_at = timezone.now()
        notice.save(update_fields=["sent_at", "recipients"])
        due.clear(org_id, DUE_KIND, notice_id)


def _try_later(notice: Notice, failure: OSError) -> None:
    notice.attempts += 1
    notice.last_error = str(failure)[:300]
    notice.save(update_fields=["attempts", "last_error", "recipients"])
    if notice.attempts < TRIES:
        wait = timedelta(seconds=30 * 2**notice.attempts)
        due.set_due(notice.org_id, DUE_KIND, notice.pk, timezone.now() + wait)
    else:
        due.clear(notice.org_id, DUE_KIND, notice.pk)
