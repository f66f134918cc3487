"""Forms of the org's settings, switches and keys."""

from __future__ import annotations

from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.core.validators import validate_email

from engage.orgs import configuring, locales
from engage.orgs.access import Access
from engage.orgs.apikeys import SCOPES
from engage.orgs.models import ApiKey, OrgSettings, OrgUnit
from engage.orgs.models.org import Switch


class PercentField(forms.DecimalField):
    """A share in percent with one decimal, stored in per mille."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(min_value=0, max_value=50, decimal_places=1, **kwargs)
        self.widget.attrs["step"] = "0.1"

    def prepare_value(self, value: Any) -> Any:
        return value / 10 if isinstance(value, int) else value

    def clean(self, value: Any) -> Any:
        number = super().clean(value)
        return None if number is None else int(number * 10)


class StaleForm(ValidationError):
    """Someone saved a newer version meanwhile."""


class GeneralForm(forms.ModelForm[OrgSettings]):
    """Settings and defaults (T-24). `revision` finds a save over someone's newer version (C-18)."""

    name = forms.CharField(max_length=100)
    time_zone = forms.ChoiceField(choices=locales.ZONES)
    currency = forms.ChoiceField(choices=locales.CURRENCIES)
    language = forms.ChoiceField(
        choices=locales.LANGUAGES, help_text="Of dates and of the pages that customers see."
    )
    week_start = forms.TypedChoiceField(
        coerce=int, choices=[(6, "Sunday"), (0, "Monday"), (5, "Saturday")], label="Week starts on"
    )
    control_permille = PercentField(
        label="Control share (%)",
        help_text="Of every campaign's audience, held out to measure the difference. 0 to 50, one decimal.",
    )
    reassign = forms.BooleanField(
        required=False,
        label="I understand: customers are drawn anew into test and control",
        help_text="Needed when the one group of the organisation changes. Campaigns made from then on use it; "
        "the others keep their groups.",
    )
    revision = forms.IntegerField(widget=forms.HiddenInput)

    class Meta:
        model = OrgSettings
        fields = [
            "legal_name", "postal_address", "time_zone", "currency", "language", "number_format", "week_start",
            "quiet_from", "quiet_until", "control_permille", "control_split", "missed_grace_minutes", "guard_percent",
            "guard_customers", "large_send", "test_sends_per_day", "one_send_per_address", "unset_promotional",
            "unset_service", "upload_megabytes", "incremental_floor", "second_factor", "notify_approval",
            "notify_sent", "notify_failed",
        ]  # fmt: skip
        widgets = {
            "quiet_from": forms.TimeInput(attrs={"type": "time"}, format="%H:%M"),
            "quiet_until": forms.TimeInput(attrs={"type": "time"}, format="%H:%M"),
            "postal_address": forms.Textarea(attrs={"rows": 3}),
            "notify_approval": forms.Textarea(attrs={"rows": 2}),
            "notify_sent": forms.Textarea(attrs={"rows": 2}),
            "notify_failed": forms.Textarea(attrs={"rows": 2}),
        }
        labels = {
            "quiet_from": "Quiet hours begin",
            "quiet_until": "Quiet hours end",
            "control_split": "Who is held out is drawn",
            "missed_grace_minutes": "Missed-run grace (minutes)",
            "guard_percent": "Audience change guard (%)",
            "guard_customers": "Audience change guard (customers)",
            "large_send": "Large-send guard (recipients)",
            "test_sends_per_day": "Test sends per member in 24 hours",
            "one_send_per_address": "One send per address",
            "unset_promotional": "Promotional consent when unset",
            "unset_service": "Service consent when unset",
            "upload_megabytes": "Upload size (MB)",
            "incremental_floor": "Show negative incremental sales as 0, marked",
            "second_factor": "Two-factor codes",
            "notify_approval": "Mail when approval is needed",
            "notify_sent": "Mail when a run is finished",
            "notify_failed": "Mail when a message fails or is blocked",
        }

    def __init__(self, *args: Any, has_transactions: bool, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.initial.setdefault("name", self.instance.org.name)
        self.read_revision = self.initial["revision"] = self.instance.revision
        self.read_group = configuring.one_group(self.instance)
        if has_transactions:
            self.fields["currency"].disabled = True
            self.fields["currency"].help_text = "Fixed, because transactions exist."

    def clean_revision(self) -> int:
        if self.cleaned_data["revision"] != self.read_revision:
            raise StaleForm(
                "Someone else saved the settings while you were editing. What you typed is still here; "
                "open the settings in another tab to see theirs, then save again."
            )
        return self.read_revision + 1

    def clean(self) -> dict[str, Any]:
        found: dict[str, Any] = super().clean() or self.cleaned_data
        wanted = configuring.one_group(OrgSettings(**{
            name: found[name] for name in ("control_split", "control_permille") if name in found
        }))  # fmt: skip
        if not self.errors and wanted not in (None, self.read_group) and not found["reassign"]:
            self.add_error("reassign", "Tick this to go on: it draws customers anew into test and control.")
        return found

    def _addresses(self, name: str) -> str:
        lines = [
            line.strip() for line in self.cleaned_data[name].replace(",", "\n").splitlines() if line.strip()
        ]
        for line in lines:
            try:
                validate_email(line)
            except ValidationError:
                raise ValidationError(f"“{line}” is not an e-mail address.")
        return "\n".join(lines)

    def clean_notify_approval(self) -> str:
        return self._addresses("notify_approval")

    def clean_notify_sent(self) -> str:
        return self._addresses("notify_sent")

    def clean_notify_failed(self) -> str:
        return self._addresses("notify_failed")


class SwitchForm(forms.Form):
    switch = forms.ChoiceField(choices=Switch.choices)
    on = forms.TypedChoiceField(choices=[("1", "On"), ("0", "Off")], coerce=lambda value: value == "1")


class KeyForm(forms.Form):
    name = forms.CharField(max_length=60, help_text="Where it is used, so that others know.")
    scopes = forms.MultipleChoiceField(
        choices=list(SCOPES.items()),
        widget=forms.CheckboxSelectMultiple,
        error_messages={"required": "Choose at least one scope."},
    )

    def __init__(self, *args: Any, access: Access, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["unit"] = forms.ModelChoiceField(
            queryset=OrgUnit.objects.for_org(access.org).filter(status=OrgUnit.Status.ACTIVE),
            required=False,
            empty_label="The whole organisation",
        )
        self.access = access

    def clean_name(self) -> str:
        """A form sent twice makes one key."""
        name: str = self.cleaned_data["name"]
        if ApiKey.objects.for_org(self.access.org).filter(name=name, revoked_at=None).exists():
            raise ValidationError("There is a key of this name. Revoke it first, or choose another name.")
        return name
