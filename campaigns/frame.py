"""The rules of a campaign: what may be set, changed, copied and removed when (C-01 to C-09)."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime
from typing import Any, Final

from django.db import transaction

from campaigns import copying, editors, finality, lifecycle
from campaigns.models import Campaign, Message
from campaigns.signals import campaign_created
from engage.orgs import audit
from engage.orgs.access import Access, NotAllowed
from engage.orgs.models import OrgSettings, OrgUnit

LONGEST_YEARS: Final = 2
ADVANCED: Final = ("own_control", "control_permille", "analytics_campaign", "analytics_source")
# What stays free after the first approval; the end date and the objective have rules of their own (C-06).
LOCKED: Final = ("name", "start_on", "objective_values", *ADVANCED)
EDITABLE: Final = ("description", "end_on", "objective", *LOCKED)


class CampaignRefused(Exception):
    """The campaign may not be changed so. `field` is the form's field, empty where it concerns the whole."""

    def __init__(self, text: str, field: str = "") -> None:
        super().__init__(text)
        self.field = field


class Stale(CampaignRefused):
    """Somebody saved a newer version (C-18). `newest` is the campaign as it is now."""

    def __init__(self, newest: Campaign) -> None:
        super().__init__(
            "Somebody else changed this campaign while you were editing it. Both versions are shown."
        )
        self.newest = newest


def locks(campaign: Campaign) -> dict[str, str]:
    """The fields that can no longer be changed, each with the reason in words."""
    if campaign.first_approved_at is None:
        return {}
    reason = "Locked, because a message of this campaign was approved."
    locked = dict.fromkeys(LOCKED, reason)
    if campaign.objective:
        locked["objective"] = reason
    else:
        del locked["objective_values"]
    return locked


@transaction.atomic
def create(
    settings: OrgSettings,
    *,
    access: Access,
    unit: OrgUnit | None,
    at: datetime,
    copied_from: Campaign | None = None,
    **fields: Any,
) -> Campaign:
    """A new campaign of the org or of one unit. It keeps the org's split of today, and without
    a share of its own the org's share (T-25).

    Raises `CampaignRefused`, `NotAllowed`.
    """
    access.require("campaign.create")
    if not access.covers(unit.pk if unit else None):
        raise NotAllowed("campaign.create")
    campaign = Campaign(
        org_id=access.org.pk, unit=unit, created_by=access.user, created_at=at, updated_at=at, **fields
    )
    judge_dates(campaign, today=settings.today(at), starts_anew=True)
    _settle_share(campaign, settings)
    campaign.split = settings.split
    campaign.save()
    audit.record(access.org, "campaign.created", by=access.user, at=at, target=campaign)
    campaign_created.send(Campaign, campaign=campaign, by=access.user, at=at, copied_from=copied_from)
    return campaign


@transaction.atomic
def change(
    campaign: Campaign,
    changes: Mapping[str, Any],
    *,
    access: Access,
    settings: OrgSettings,
    at: datetime,
    revision: int,
) -> Campaign:
    """Save changed fields. `revision` is the one that the form was made from.

    A new start, an earlier end or changed advanced settings return waiting messages to Draft and count as edits of
    every message (C-06, C-28). Raises `Stale`, `CampaignRefused`, `NotAllowed`.
    """
    access.require("campaign.create")
    former = Campaign.objects.for_org(campaign.org_id).select_for_update(no_key=True).get(pk=campaign.pk)
    if former.revision != revision:
        raise Stale(former)
    before = {name: getattr(former, name) for name in EDITABLE}
    changed = {name: value for name, value in changes.items() if name in EDITABLE and value != before[name]}
    if not changed:
        return former
    _judge_locks(former, changed)
    _judge_extension(former, changed, settings, at)
    for name, value in changed.items():
        setattr(former, name, value)
    _settle_share(former, settings, keep=not {"own_control", "control_permille"} & changed.keys())
    judge_dates(former, today=settings.today(at), starts_anew="start_on" in changed)
    former.updated_at, former.revision = at, former.revision + 1
    former.save()
    if _recalls(before, former, changed):
        _recall(former, access, at)
    audit.record(
        former.org_id,
        "campaign.changed",
        by=access.user,
        at=at,
        target=former,
        before={name: _plain(before[name]) for name in changed},
        after={name: _plain(getattr(former, name)) for name in changed},
    )
    return former


def _judge_locks(campaign: Campaign, changed: Mapping[str, Any]) -> None:
    locked = locks(campaign)
    for name in changed:
        if name in locked:
            raise CampaignRefused(locked[name], name)
    if campaign.first_approved_at and changed.get("end_on", campaign.end_on) < campaign.end_on:
        raise CampaignRefused("After an approval the end date can only be moved later.", "end_on")


def _judge_extension(
    campaign: Campaign, changed: Mapping[str, Any], settings: OrgSettings, at: datetime
) -> None:
    """What has lapsed goes on only while its results may still change (C-07)."""
    if "end_on" not in changed or campaign.status(settings.today(at)) != Campaign.Status.LAPSED:
        return
    if finality.of(campaign, settings) <= at:
        raise CampaignRefused(
            "Its results are final, so it cannot be extended any more. Duplicate it.", "end_on"
        )


def judge_dates(campaign: Campaign, *, today: date, starts_anew: bool) -> None:
    """C-02. Raises `CampaignRefused`."""
    if starts_anew and campaign.start_on < today:
        raise CampaignRefused("Start today or later.", "start_on")
    if campaign.end_on < campaign.start_on:
        raise CampaignRefused("End on the start date or after it.", "end_on")
    if campaign.end_on > _years_on(campaign.start_on, LONGEST_YEARS):
        raise CampaignRefused(f"End at most {LONGEST_YEARS} years after the start.", "end_on")


def _years_on(day: date, years: int) -> date:
    try:
        return day.replace(year=day.year + years)
    except ValueError:  # 29 February
        return day.replace(year=day.year + years, day=28)


def _settle_share(campaign: Campaign, settings: OrgSettings, *, keep: bool = False) -> None:
    if not campaign.own_control and not keep:
        campaign.control_permille = settings.control_permille


def _recalls(before: Mapping[str, Any], after: Campaign, changed: Mapping[str, Any]) -> bool:
    earlier_end = after.end_on < before["end_on"]
    return earlier_end or "start_on" in changed or bool(set(ADVANCED) & changed.keys())


def _recall(campaign: Campaign, access: Access, at: datetime) -> None:
    """What the messages are sent under has changed: their requests are closed, and this person is an editor of each."""
    rows = Message.objects.for_org(campaign.org_id).select_for_update(no_key=True)
    for message in rows.filter(campaign=campaign).order_by("pk"):
        lifecycle.recall(message, by=access.user, at=at)
        editors.record(message, access.user, "campaign", at=at)


@transaction.atomic
def archive(campaign: Campaign, *, access: Access, settings: OrgSettings, at: datetime) -> Campaign:
    """Put a lapsed campaign away. Archiving again changes nothing."""
    access.require("campaign.create")
    campaign = Campaign.objects.for_org(campaign.org_id).select_for_update(no_key=True).get(pk=campaign.pk)
    if campaign.archived_at:
        return campaign
    if campaign.status(settings.today(at)) != Campaign.Status.LAPSED:
        raise CampaignRefused("A campaign can be archived once it has lapsed.")
    return _put(campaign, at, access, at=at, action="campaign.archived")


@transaction.atomic
def restore(campaign: Campaign, *, access: Access, at: datetime) -> Campaign:
    """Take a campaign out of the archive."""
    access.require("campaign.create")
    campaign = Campaign.objects.for_org(campaign.org_id).select_for_update(no_key=True).get(pk=campaign.pk)
    if campaign.archived_at is None:
        return campaign
    return _put(campaign, None, access, at=at, action="campaign.restored")


def _put(
    campaign: Campaign, archived_at: datetime | None, access: Access, *, at: datetime, action: str
) -> Campaign:
    campaign.archived_at, campaign.updated_at = archived_at, at
    campaign.revision += 1
    campaign.save()
    audit.record(campaign.org_id, action, by=access.user, at=at, target=campaign)
    return campaign


def why_not_deletable(campaign: Campaign) -> str:
    """Empty where the campaign can be deleted (C-08)."""
    if campaign.first_approved_at is None:
        return ""
    return "A message of this campaign was approved, so it can only be archived, once it has lapsed."


@transaction.atomic
def delete(campaign: Campaign, *, access: Access, at: datetime) -> None:
    """Remove a campaign of which no message was ever approved, with its messages."""
    access.require("campaign.create")
    campaign = Campaign.objects.for_org(campaign.org_id).select_for_update(no_key=True).get(pk=campaign.pk)
    if refusal := why_not_deletable(campaign):
        raise CampaignRefused(refusal)
    rows = Message.objects.for_org(campaign.org_id).select_for_update(no_key=True)
    for message in rows.filter(campaign=campaign).order_by("pk"):
        lifecycle.forget(message)
    audit.record(campaign.org_id, "campaign.deleted", by=access.user, at=at, target=campaign)
    campaign.delete()


@transaction.atomic
def duplicate(campaign: Campaign, *, access: Access, settings: OrgSettings, at: datetime) -> Campaign:
    """A copy with its messages, starting today for as long: all but dates, approvals, runs and results (C-09)."""
    today = settings.today(at)
    name = copying.free_name(campaign.name, longest=100, taken=_names(campaign))
    copy = create(
        settings,
        access=access,
        unit=campaign.unit,
        at=at,
        copied_from=campaign,
        name=name,
        description=campaign.description,
        start_on=today,
        end_on=today + (campaign.end_on - campaign.start_on),
        objective=campaign.objective,
        objective_values=campaign.objective_values,
        own_control=campaign.own_control,
        control_permille=campaign.control_permille,
        analytics_campaign=campaign.analytics_campaign,
        analytics_source=campaign.analytics_source,
    )
    if access.may("message.create"):
        for message in Message.objects.for_org(campaign.org_id).filter(campaign=campaign).order_by("pk"):
            copying.message(message, into=copy, title=message.title, by=access.user, at=at)
    return copy


def name_is_used(org_id: int, unit_id: int | None, name: str, *, but: int | None = None) -> bool:
    """Whether another campaign of this owner has the name, which draws a warning (C-08)."""
    same = Campaign.objects.for_org(org_id).filter(unit_id=unit_id, name__iexact=name)
    return same.exclude(pk=but).exists()  # type: ignore[misc]  # never None here


def _names(campaign: Campaign) -> set[str]:
    same = Campaign.objects.for_org(campaign.org_id).filter(unit_id=campaign.unit_id)
    return set(same.values_list("name", flat=True))


def _plain(value: Any) -> Any:
    return value.isoformat() if isinstance(value, date) else value
