"""People, a list and approved messages for the benchmark of the send; imported after Django is set up."""

from __future__ import annotations

from datetime import time, timedelta
from typing import Any

from django.db import connection

from audiences.keys import LOOKUP_KEY_SQL
from audiences.models import Audience, AudienceVersion
from campaigns import frame, lifecycle, versions
from campaigns.clock import database_now
from campaigns.models import Message, MessageAudience, MessageContent, Run
from channels.models import Sender
from channels.secrets import encrypt
from engage.orgs.access import access_of
from engage.orgs.founding import found_org, ready_made, seat_member
from engage.orgs.models import Org, OrgSettings, User
from engage.orgs.tenancy import org_context

_CARD = (
    '<tr><td style="padding:12px 24px;font-family:Arial,sans-serif;font-size:15px;line-height:22px;color:#333333">'
    '<h2 style="margin:0 0 8px 0;font-size:20px;color:#1a1a2e">{title}</h2><p style="margin:0 0 12px 0">{text}</p>'
    '<a href="https://shop.example/{slug}" style="display:inline-block;padding:10px 22px;color:#ffffff">Zum Angebot</a>'
    "</td></tr>"
)
_TEXT = (
    "Für Sie ausgesucht: Farben des Herbstes, weiche Stoffe, gute Schuhe für lange Wege und nasse Tage. " * 4
)
_CARDS = "".join(
    _CARD.format(title=title, slug=title.lower().replace(" ", "-"), text=_TEXT)
    for title in ("Neue Stücke", "Wieder da", "Für Mitglieder", "Geschenke", "Letzte Größen", "Unser Journal")
)
# About 8.7 KB on the wire: six tracked links, an open pixel, a text part, four values of the customer.
EMAIL = {
    "subject": '{{ customer.first_name | default: "Hallo" }}, Ihr Herbst beginnt hier',
    "preview": "Sechs Ideen für kalte Tage",
    "html": f"<html><body><table>{_CARDS}</table><p>{{{{ customer.full_name }}}} in "
    '{{ customer.city | default: "Ihrer Stadt" }}: {{ customer.points | default: "0" }} Punkte.</p>'
    '<p><a href="{{ unsubscribe }}">Abmelden</a></p></body></html>',
    "text": "",
}
SMS = {
    "text": "{{ customer.first_name }}, -20% today: https://shop.example/new Stop: {{ unsubscribe }}",
    "allow_unicode": "1",
}

# A few busy names and cities and a long tail; some share an address, some have none, some opted out or bounced.
_PEOPLE = f"""
INSERT INTO audiences_customer
    (org_id, id, external_id, first_name, last_name, city, points, do_not_disturb, created_at, updated_at)
SELECT %(org)s, n, 'C' || n, 'Vorname' || (n::bigint * 7919 %% (1 + n %% 4999)), 'Nachname' || n %% 9973, 'Ort ' || n %% (1 + n %% 97),
       n %% 5000, false, now(), now()
FROM generate_series(1, %(n)s) AS n;
INSERT INTO audiences_contactpoint (org_id, customer_id, kind, value, key, is_primary, state, soft_bounces, state_at)
SELECT %(org)s, n, kind, value, {LOOKUP_KEY_SQL.format(kind="kind", normal="value")}, true,
       CASE WHEN n %% 211 = 0 THEN 'hard_bounced' WHEN n %% 3 = 0 THEN 'valid' ELSE 'unproven' END, 0, now()
FROM (SELECT n, 'email' AS kind, 'person' || CASE WHEN n %% 503 = 0 THEN n - 1 ELSE n END || '@example.com' AS value
      FROM generate_series(1, %(n)s) AS n WHERE n %% 31 <> 0
      UNION ALL
      SELECT n, 'phone', '+44' || 7000000000 + n FROM generate_series(1, %(n)s) AS n) AS points;
INSERT INTO audiences_subscription (org_id, customer_id, channel, message_class, value, at, source)
SELECT %(org)s, n, 'email', 'promotional', n %% 41 <> 0, now(), 'bench' FROM generate_series(1, %(n)s) AS n WHERE n %% 2 = 1;
INSERT INTO audiences_listmember (org_id, customer_id, version_id, tags)
SELECT %(org)s, n, %(all)s, '{{}}' FROM generate_series(1, %(n)s) AS n;
INSERT INTO audiences_listmember (org_id, customer_id, version_id, tags)
SELECT %(org)s, n, %(some)s, '{{}}' FROM generate_series(1, %(some_n)s) AS n;
"""


class Bench:
    """An org with `people` customers, a list of all of them and one of the first `some`."""

    def __init__(self, people: int, some: int) -> None:
        at = database_now()
        self.org: Org = found_org(
            slug="bench", name="Bench", at=at, time_zone="UTC", currency="EUR", legal_name="Bench AG",
            postal_address="Musterweg 1, 10115 Berlin", quiet_from=time(0), quiet_until=time(0), control_permille=100,
            self_approval=True, large_send=10**9,
        )  # fmt: skip
        self.by = User.objects.create_user("bench@example.com", "Bench")
        with org_context(self.org.pk):
            seat_member(self.org, self.by, roles=[ready_made(self.org, "admin")], units=None, by=None, at=at)
            self.everybody, self.some = self._list("Everybody"), self._list("Some")
            with connection.cursor() as cursor:
                cursor.execute("SET LOCAL synchronous_commit = off")
                ids = {"all": self.everybody.current_id, "some": self.some.current_id}
                cursor.execute(_PEOPLE, {"org": self.org.pk, "n": people, "some_n": some, **ids})

    def _list(self, name: str) -> Audience:
        at = database_now()
        made = {"created_by": self.by, "created_at": at}
        found = Audience.objects.create(org=self.org, kind="upload", name=name, updated_at=at, **made)
        found.current = AudienceVersion.objects.create(
            org=self.org, audience=found, number=1, digest=name, **made
        )
        found.save()
        return found

    def sender(self, channel: str, account: str, key: str) -> Sender:
        with org_context(self.org.pk):
            return Sender.objects.create(
                org=self.org, channel=channel, name=account, identity="bench@example.com" if channel == "email" else "BENCH",
                display_name="Bench", adapter=f"sandbox-{channel}", config={"account": account}, secret=encrypt(key),
                status=Sender.Status.ACTIVE, created_at=database_now(),
            )  # fmt: skip

    def run(self, title: str, audience: Audience, sender: Sender) -> Run:
        """A run of an approved message, Preparing."""
        with org_context(self.org.pk):
            at = database_now() - timedelta(minutes=2)
            settings = OrgSettings.objects.for_org(self.org).get()
            access = access_of(self.by, self.org)
            assert access is not None
            today: Any = settings.today(at)
            campaign = frame.create(
                settings,
                access=access,
                unit=None,
                at=at,
                name=title,
                start_on=today,
                end_on=today + timedelta(days=9),
            )
            message = lifecycle.create(
                campaign, title=title, by=self.by, at=at, sender=sender, channel=sender.channel
            )
            content = EMAIL if sender.channel == "email" else SMS
            MessageContent.objects.create(
                org=self.org, message=message, channel=sender.channel, fields=content
            )
            MessageAudience.objects.create(org=self.org, message=message, audience=audience)
            lifecycle.submit(message, by=self.by, at=at)
            message = Message.objects.for_org(self.org).get(pk=message.pk)
            seen = versions.hash_of(versions.build(message, message.campaign, settings))
            lifecycle.approve(message, by=self.by, seen=seen, at=at)
            message = Message.objects.for_org(self.org).get(pk=message.pk)
            return lifecycle.open_run(message, at=database_now())
