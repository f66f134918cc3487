"""The forms of campaigns: the filters of the list, and the campaign itself."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime
from decimal import Decimal
from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.http import QueryDict

from campaigns import frame, objectives, unsaved
from campaigns.models import Campaign, Objective
from campaigns.wording import CHANNELS
from engage.orgs.access import Access
from engage.orgs.forms.settings import PercentField
from engage.orgs.models import OrgSettings, OrgUnit, User

ORG = "org"


def units_of(access: Access) -> list[OrgUnit]:
    """The active units that a member acts for (T-08)."""
    units = OrgUnit.objects.for_org(access.org).filter(status=OrgUnit.Status.ACTIVE)
    return list(units if access.whole_org else units.filter(pk__in=access.unit_ids))


def owner_choices(access: Access) -> list[tuple[str, str]]:
    """Who a campaign of this member may belong to: with Org scope the org too."""
    units = [(str(unit.pk), unit.name) for unit in units_of(access)]
    return [(ORG, f"{access.org.name}, the whole organisation"), *units] if access.whole_org else units


def _day(**attrs: Any) -> forms.DateInput:
    return forms.DateInput(attrs={"type": "date", **attrs}, format="%Y-%m-%d")


class CampaignFilter(forms.Form):
    """What a list's address may ask (C-51). Something unreadable filters nothing, and says so."""

    q = forms.CharField(required=False, max_length=100)
    since = forms.DateField(required=False, label="Active from", widget=_day())
    until = forms.DateField(required=False, label="Active to", widget=_day())
    objective = forms.ChoiceField(
        required=False, choices=[("", "Any objective"), *Objective.choices, ("none", "No objective")]
    )
    channel = forms.ChoiceField(
        required=False,
        choices=[("", "Any channel"), *((key, label) for key, (_, label) in CHANNELS.items())],
    )
    owner = forms.ChoiceField(required=False)
    creator = forms.TypedChoiceField(required=False, coerce=int, empty_value=None)

    def __init__(self, data: QueryDict, *, access: Access, creators: list[User]) -> None:
        super().__init__(data)
        owners = owner_choices(access)
        self.fields["owner"] = forms.ChoiceField(required=False, choices=[("", "Any owner"), *owners])
        self.fields["creator"] = forms.TypedChoiceField(
            required=False,
            coerce=int,
            empty_value=None,
            choices=[("", "Any creator"), *((user.pk, str(user)) for user in creators)],
        )
        self.several_owners = len(owners) > 1
        for name, field in self.fields.items():
            field.widget.attrs["aria-label"] = field.label or name.capitalize()

    def clean(self) -> dict[str, Any]:
        found: dict[str, Any] = self.cleaned_data
        if found.get("since") and found.get("until") and found["until"] < found["since"]:
            raise ValidationError("The range of dates ends before it begins.")
        return found


class PicksField(forms.Field):
    """`kind:code` values, one input each."""

    widget = forms.SelectMultiple

    def clean(self, value: Any) -> list[str]:
        return [str(one) for one in value or []]

    def has_changed(self, initial: Any, data: Any) -> bool:
        return set(initial or []) != set(data or [])


class ShareField(PercentField):
    def clean(self, value: Any) -> Any:
        """A locked field is asked about what is stored, which is per mille already."""
        return value if isinstance(value, int) else super().clean(value)

    def has_changed(self, initial: Any, data: Any) -> bool:
        return super().has_changed(None if initial is None else Decimal(initial) / 10, data)


class CampaignForm(forms.Form):
    """A campaign, new or not (C-01). `revision` finds a save over someone's newer version (C-18)."""

    owner = forms.ChoiceField(
        help_text="Who it belongs to. A unit's campaign reaches only that unit's customers. It cannot be changed later."
    )
    name = forms.CharField(max_length=100, widget=forms.TextInput(attrs={"autocomplete": "off"}))
    description = forms.CharField(
        max_length=500, required=False, widget=forms.Textarea(attrs={"rows": 2, "maxlength": 500})
    )
    start_on = forms.DateField(label="Start date")
    end_on = forms.DateField(label="End date")
    objective = forms.ChoiceField(required=False, choices=[("", "None"), *Objective.choices])
    pick = PicksField(required=False, label="What it is about")
    own_control = forms.BooleanField(required=False, label="Set a control share of its own")
    control = ShareField(required=False, label="Control share")
    analytics = forms.BooleanField(required=False, label="Name this campaign to web analytics")
    analytics_campaign = forms.CharField(max_length=60, required=False, label="Campaign name in links")
    analytics_source = forms.CharField(max_length=60, required=False, label="Source in links")
    revision = forms.IntegerField(required=False, widget=forms.HiddenInput)
    token = forms.SlugField(max_length=32, required=False, widget=forms.HiddenInput)

    def __init__(
        self,
        data: Mapping[str, Any] | None = None,
        *,
        access: Access,
        settings: OrgSettings,
        at: datetime,
        campaign: Campaign | None = None,
        typed: Mapping[str, Any] | None = None,
    ) -> None:
        """`typed` is what was kept of an unsaved form; it goes before what is stored."""
        self.access, self.campaign, self.today = access, campaign, settings.today(at)
        initial = _stored(campaign) if campaign else _fresh(settings, at)
        super().__init__(data, initial=initial | dict(typed or {}))
        self.locked = frame.locks(campaign) if campaign else {}
        self._offer_owners()
        self._bound_dates(self.today)
        self.fields[
            "control"
        ].help_text = (
            f"The organisation's share is {settings.control_permille / 10:g} %. 0 to 50, one decimal."
        )
        for name, field in self.fields.items():
            reason = self.locked.get(FRAME_NAMES.get(name, name))
            if reason:
                field.disabled = True
                field.help_text = reason
                self.initial[name] = initial[name]

    def _offer_owners(self) -> None:
        choices = owner_choices(self.access)
        if self.campaign is not None or len(choices) == 1:
            del self.fields["owner"]
            return
        self.fields["owner"] = forms.ChoiceField(
            choices=choices, help_text=self.fields["owner"].help_text, label="Owner"
        )

    def _bound_dates(self, today: date) -> None:
        earliest = today
        if self.campaign is not None:
            earliest = min(today, self.campaign.start_on)
        self.fields["start_on"].widget = _day(min=earliest.isoformat())
        if self.campaign is not None and self.campaign.first_approved_at:
            earliest = self.campaign.end_on
            self.fields["end_on"].help_text = "A message was approved, so it can only be moved later."
        self.fields["end_on"].widget = _day(min=earliest.isoformat())

    @property
    def unit(self) -> OrgUnit | None:
        """The owner that was chosen, or the only one there is."""
        if self.campaign is not None:
            found: OrgUnit | None = self.campaign.unit
            return found
        units = {str(unit.pk): unit for unit in units_of(self.access)}
        only = next(iter(units), ORG) if not self.access.whole_org else ORG
        return units.get(self._asked("owner", only))

    def _asked(self, name: str, otherwise: str) -> str:
        if name not in self.fields:
            return otherwise
        return str(self[name].value() or otherwise)

    def clean(self) -> dict[str, Any]:
        found: dict[str, Any] = self.cleaned_data
        objective = found.get("objective", "")
        found["values"] = objectives.sorted_codes(found.get("pick", []), objective)
        if "objective_values" not in self.locked:
            self._judge_values(objective, found["values"])
        self._judge_dates(found.get("start_on"), found.get("end_on"))
        if found.get("own_control") and found.get("control") is None and "control" not in self.errors:
            self.add_error("control", "Set the share, or untick it to use the organisation's.")
        for name in ("analytics_campaign", "analytics_source"):
            if found.get("analytics") and not found.get(name) and name not in self.errors:
                self.add_error(name, "Fill this in, or untick web analytics.")
        return found

    def _judge_dates(self, start_on: date | None, end_on: date | None) -> None:
        """With everything else, so that all is told at once; the frame judges again under its lock."""
        if start_on is None or end_on is None:
            return
        anew = self.campaign is None or start_on != self.campaign.start_on
        try:
            frame.judge_dates(Campaign(start_on=start_on, end_on=end_on), today=self.today, starts_anew=anew)
        except frame.CampaignRefused as refused:
            self.add_error(refused.field, str(refused))

    def _judge_values(self, objective: str, values: dict[str, list[str]]) -> None:
        if objective in objectives.KINDS and not values:
            kinds = " or ".join(objectives.LABELS[kind].lower() for kind in objectives.KINDS[objective])
            self.add_error("pick", f"Choose at least one value: {kinds}.")
        if gone := objectives.unknown(self.access.org, values):
            self.add_error("pick", f"No longer in the catalogue: {', '.join(gone)}. Untick them.")

    @property
    def says_more(self) -> bool:
        """Whether something differs from what is stored."""
        return bool(set(self.changed_data) - {"revision", "token"})

    def fields_of_frame(self) -> dict[str, Any]:
        """What `frame.create` and `frame.change` take. Without a share of its own the frame settles it (T-25)."""
        found = self.cleaned_data
        names = ("name", "description", "start_on", "end_on", "objective", "own_control")
        told = {name: found[name] for name in names} | {"objective_values": found["values"]}
        if found["own_control"]:
            told["control_permille"] = found["control"]
        for name in ("analytics_campaign", "analytics_source"):
            told[name] = found[name] if found["analytics"] else ""
        return told


# Where a field of the form is called otherwise than the campaign's own.
FRAME_NAMES = {"control": "control_permille", "pick": "objective_values", "analytics": "analytics_campaign"}


def form_name(frame_name: str) -> str | None:
    """The form's field for a field of the campaign; None for what concerns the whole."""
    names = {stored: shown for shown, stored in FRAME_NAMES.items() if shown != "analytics"}
    return names.get(frame_name, frame_name) or None


def _fresh(settings: OrgSettings, at: datetime) -> dict[str, Any]:
    return {
        "start_on": settings.today(at),
        "control": settings.control_permille,
        "token": unsaved.new_token(),
        "objective": "",
    }


def _stored(campaign: Campaign) -> dict[str, Any]:
    names = ("name", "description", "start_on", "end_on", "objective", "own_control", "revision")
    return {name: getattr(campaign, name) for name in names} | {
        "pick": [f"{kind}:{code}" for kind, codes in campaign.objective_values.items() for code in codes],
        "control": campaign.control_permille,
        "analytics": bool(campaign.analytics_campaign or campaign.analytics_source),
        "analytics_campaign": campaign.analytics_campaign,
        "analytics_source": campaign.analytics_source,
    }
