"""Settings, switches and units."""

from __future__ import annotations

import re

import pytest
from django.db import IntegrityError, transaction
from django.test import Client

from engage.orgs import configuring, founding
from engage.orgs.access import Access, access_of
from engage.orgs.members import ChangeRefused
from engage.orgs.models import AuditEntry, Org, OrgSettings, OrgUnit, User
from engage.orgs.models.org import Switch
from engage.orgs.tenancy import org_context
from tests import factories
from tests.factories import NOW

pytestmark = pytest.mark.django_db


def access(org: Org, user: User) -> Access:
    found = access_of(user, org)
    assert found is not None
    return found


def form_of(client: Client, page: str) -> dict[str, str]:
    """The values that a browser would post unchanged."""
    html = client.get(page).content.decode()
    main = html[html.index("<main") :]
    values = {}
    for tag in re.findall(r"<input[^>]*>", main):
        name, value = re.search(r'name="([^"]+)"', tag), re.search(r'value="([^"]*)"', tag)
        if name and (('type="checkbox"' not in tag) or "checked" in tag):
            values[name[1]] = value[1] if value else "on" * ('type="checkbox"' in tag)
    for name, body in re.findall(r'<select name="([^"]+)".*?>(.*?)</select>', main, re.DOTALL):
        chosen = re.search(r'value="([^"]*)" selected', body)
        values[name] = chosen[1] if chosen else ""
    for name, body in re.findall(r'<textarea name="([^"]+)"[^>]*>(.*?)</textarea>', main, re.DOTALL):
        values[name] = body.strip()
    return values


def test_defaults_are_those_of_the_table(inside: Org) -> None:
    """T-24"""
    fresh = OrgSettings.objects.for_org(inside).get()
    assert (fresh.quiet_from.hour, fresh.quiet_until.hour) == (21, 9)
    assert (fresh.control_permille, fresh.missed_grace_minutes) == (100, 60)
    assert (fresh.guard_percent, fresh.guard_customers, fresh.large_send) == (20, 100, 50_000)
    assert (fresh.test_sends_per_day, fresh.upload_megabytes, fresh.week_start) == (10, 20, 6)
    assert fresh.one_send_per_address and fresh.unset_promotional == "yes"
    assert not fresh.incremental_floor and fresh.estimate_share_permille is None


def test_saving_settings_keeps_before_and_after(org: Org, admin: User, client: Client) -> None:
    """T-24, T-31"""
    client.force_login(admin)
    page = f"/o/{org.slug}/settings/general/"
    values = form_of(client, page) | {"control_permille": "12.5", "name": "Acme Retail"}
    assert client.post(page, values).status_code == 302
    with org_context(org.pk):
        assert OrgSettings.objects.for_org(org).get().control_permille == 125
        entry = AuditEntry.objects.for_org(org).get(action="settings.changed")
        assert entry.before["control_permille"] == 100 and entry.after["control_permille"] == 125
    assert Org.objects.get(pk=org.pk).name == "Acme Retail"


def test_a_group_for_the_whole_org_is_drawn_anew_only_with_a_tick(
    org: Org, admin: User, client: Client
) -> None:
    """T-24, T-25"""
    client.force_login(admin)
    page = f"/o/{org.slug}/settings/general/"

    def save(**changes: str) -> tuple[int, str]:
        answer = client.post(page, form_of(client, page) | changes)
        with org_context(org.pk):
            return answer.status_code, OrgSettings.objects.for_org(org).get().split

    assert save(control_permille="15") == (302, "campaign")
    assert save(control_split="org") == (200, "campaign")
    assert save(control_split="org", reassign="on") == (302, "org:2")
    assert save(control_permille="20") == (200, "org:2")
    assert save(legal_name="Acme Retail Ltd") == (302, "org:2")
    assert save(control_permille="20", reassign="on") == (302, "org:3")
    assert save(control_split="campaign") == (302, "campaign")
    with org_context(org.pk):
        entry = AuditEntry.objects.for_org(org).filter(action="settings.changed").order_by("-at", "-id")[1]
        assert (entry.before["control_permille"], entry.after["control_permille"]) == (150, 200)


def test_the_form_shows_what_is_stored(org: Org, admin: User, client: Client) -> None:
    """T-24: what was chosen when the org was made is among the choices, so that a save changes nothing else."""
    client.force_login(admin)
    page = f"/o/{org.slug}/settings/general/"
    chosen = {"time_zone": "UTC", "currency": "PHP", "language": "pt", "week_start": 5}
    with org_context(org.pk):
        OrgSettings.objects.for_org(org).update(**chosen)
        before = OrgSettings.objects.for_org(org).values().get()
    assert client.post(page, form_of(client, page)).status_code == 302
    with org_context(org.pk):
        after = OrgSettings.objects.for_org(org).values().get()
    assert {name for name, value in before.items() if after[name] != value} <= {"revision"}


@pytest.mark.parametrize(
    ("field", "value", "says"),
    [
        ("control_permille", "51", "50"),
        ("missed_grace_minutes", "241", "240"),
        ("upload_megabytes", "201", "200"),
        ("notify_approval", "not an address", "is not an e-mail address"),
        ("time_zone", "Mars/Base", "valid choice"),
        ("language", "klingon", "valid choice"),
    ],
)
def test_a_setting_out_of_bounds_is_refused_and_nothing_typed_is_lost(
    org: Org, admin: User, client: Client, field: str, value: str, says: str
) -> None:
    """T-24, Q-36"""
    client.force_login(admin)
    page = f"/o/{org.slug}/settings/general/"
    answer = client.post(page, form_of(client, page) | {field: value, "legal_name": "Typed Before"})
    assert answer.status_code == 200
    assert says in answer.content.decode() and "Typed Before" in answer.content.decode()
    with org_context(org.pk):
        assert OrgSettings.objects.for_org(org).get().legal_name != "Typed Before"


def test_a_stale_save_is_refused(org: Org, admin: User, client: Client) -> None:
    """Q-36, C-18"""
    client.force_login(admin)
    page = f"/o/{org.slug}/settings/general/"
    mine = form_of(client, page)
    client.post(page, mine | {"legal_name": "Theirs"})
    answer = client.post(page, mine | {"legal_name": "Mine"})
    assert "Someone else saved" in answer.content.decode() and "Mine" in answer.content.decode()
    with org_context(org.pk):
        assert OrgSettings.objects.for_org(org).get().legal_name == "Theirs"


def test_a_switch_acts_at_once_and_is_kept(inside: Org, admin: User) -> None:
    """T-22, T-31"""
    after = configuring.turn(Switch.LINK_TRACKING, on=False, by=access(inside, admin), at=NOW)
    assert not after.link_tracking
    assert AuditEntry.objects.for_org(inside).get(action="switch.turned").after == {"link_tracking": False}


def test_self_approval_needs_a_second_admin_where_there_is_one(inside: Org, admin: User) -> None:
    """C-28"""
    second = factories.member(inside, "admin", name="Second Admin")
    asked = configuring.turn(Switch.SELF_APPROVAL, on=True, by=access(inside, admin), at=NOW)
    assert not asked.self_approval
    with pytest.raises(ChangeRefused, match="Another Org admin"):
        configuring.turn(Switch.SELF_APPROVAL, on=True, by=access(inside, admin), at=NOW)
    assert configuring.turn(Switch.SELF_APPROVAL, on=True, by=access(inside, second), at=NOW).self_approval


def test_the_only_admin_turns_self_approval_on_alone(inside: Org, admin: User) -> None:
    """C-28"""
    assert configuring.turn(Switch.SELF_APPROVAL, on=True, by=access(inside, admin), at=NOW).self_approval


def test_a_units_code_is_unique_in_its_org_and_fixed(
    org: Org, other_org: Org, admin: User, client: Client
) -> None:
    """T-02"""
    for one in (org, other_org):
        with org_context(one.pk):
            founding.add_unit(one, name="North", code="north", by=None, at=NOW)
    with org_context(org.pk), pytest.raises(IntegrityError), transaction.atomic():
        founding.add_unit(org, name="North again", code="north", by=None, at=NOW)
    client.force_login(admin)
    with org_context(org.pk):
        unit = OrgUnit.objects.for_org(org).get()
    client.post(f"/o/{org.slug}/settings/units/{unit.pk}/", {"name": "Northern", "code": "changed"})
    with org_context(org.pk):
        unit.refresh_from_db()
    assert (unit.name, unit.code) == ("Northern", "north")


def test_settings_pages_need_org_scope(org: Org, client: Client) -> None:
    """T-10"""
    with org_context(org.pk):
        north = founding.add_unit(org, name="North", code="north", by=None, at=NOW)
    client.force_login(factories.member(org, "admin", units=[north]))
    for page in ("general", "members", "keys", "switches", "roles"):
        assert client.get(f"/o/{org.slug}/settings/{page}/").status_code == 403, page
