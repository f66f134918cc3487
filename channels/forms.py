"""Forms of senders, their test and an org's reply words: they validate and convert, nothing else."""

from __future__ import annotations

from typing import Any, Final

from django import forms
from django.utils.translation import gettext_lazy as _

from channels import registry
from channels.adapter import Adapter, ConfigField, ConfigRefused
from channels.models import ReplyWords, Sender
from channels.replies import split
from engage.orgs import locales
from engage.orgs.access import Access
from engage.orgs.models import OrgUnit

PREFIX: Final = "config_"
ALL_UNITS: Final = "*"
WHOLE_ORG: Final = "org"


def units_of(access: Access) -> list[OrgUnit]:
    """The active units in a member's scope."""
    units = OrgUnit.objects.for_org(access.org).filter(status=OrgUnit.Status.ACTIVE)
    return [unit for unit in units if access.covers(unit.pk)]


class SenderForm(forms.Form):
    """A sender with the fields that its adapter declares. A stored secret is never shown; an empty one keeps it."""

    name = forms.CharField(max_length=60)
    identity = forms.CharField(max_length=254)
    display_name = forms.CharField(max_length=100, required=False, label=_("Sender name"))
    reply_to = forms.EmailField(required=False, label=_("Reply-to"))
    time_zone = forms.ChoiceField(
        choices=[("", "—"), *locales.ZONES], required=False, label=_("Time zone of its day")
    )
    per_second = forms.IntegerField(min_value=1, max_value=10_000, required=False, label=_("Most per second"))
    per_day = forms.IntegerField(min_value=1, required=False, label=_("Most per day"))
    secret = forms.CharField(
        required=False,
        strip=False,
        widget=forms.PasswordInput(attrs={"autocomplete": "new-password"}),
    )
    revision = forms.IntegerField(widget=forms.HiddenInput, required=False)

    def __init__(self, *args: Any, sender: Sender, access: Access, **kwargs: Any) -> None:
        self.sender, self.access = sender, access
        self.adapter = registry.adapter(sender.adapter)
        kwargs["initial"] = self._initial() | kwargs.get("initial", {})
        super().__init__(*args, **kwargs)
        self._fit_channel()
        if not self.adapter.sandbox:
            for field in self.adapter.fields:
                self.fields[PREFIX + field.name] = _field(field)
        self._fit_secret(self.adapter)
        self._fit_owner()

    def _initial(self) -> dict[str, Any]:
        sender = self.sender
        names = (
            "name",
            "identity",
            "display_name",
            "reply_to",
            "time_zone",
            "per_second",
            "per_day",
            "revision",
        )
        stored = {name: getattr(sender, name) for name in names}
        config = {
            PREFIX + field.name: sender.config.get(field.name, field.default) for field in self.adapter.fields
        }
        owner = sender.unit_id or WHOLE_ORG
        return {**stored, **config, "owner": owner, "shared": [str(unit) for unit in sender.shared_units]}

    def _fit_channel(self) -> None:
        if self.sender.channel == Sender.Channel.EMAIL:
            self.fields["identity"] = forms.EmailField(label=_("Sender address"), max_length=254)
            return
        self.fields["identity"].label = _("SMS header")
        self.fields["identity"].help_text = _("3 to 11 letters and digits, or a number.")
        del self.fields["display_name"], self.fields["reply_to"]

    def _fit_secret(self, adapter: Adapter) -> None:
        if adapter.sandbox:
            del self.fields["secret"]
            return
        secret = self.fields["secret"]
        secret.label = adapter.credential
        if self.sender.secret:
            secret.help_text = _("A secret is stored and never shown again. Leave this empty to keep it.")

    def _fit_owner(self) -> None:
        units = units_of(self.access)
        if self.sender.pk is None:
            choices = [(str(unit.pk), unit.name) for unit in units]  # type: ignore[unreachable]  # Django narrows too far
            if self.access.whole_org:
                choices.insert(0, (WHOLE_ORG, str(_("The whole organisation"))))
            self.fields["owner"] = forms.ChoiceField(
                choices=choices,
                help_text=_("Chosen once, never changed."),
            )
        if self.sender.unit_id is None and self.access.whole_org and units:
            self.fields["shared"] = forms.MultipleChoiceField(
                choices=[(ALL_UNITS, _("All units")), *((str(unit.pk), unit.name) for unit in units)],
                required=False,
                label=_("Shared with"),
                widget=forms.CheckboxSelectMultiple,
                help_text=_("For use only. The default sender serves every unit."),
            )

    @property
    def config_fields(self) -> list[forms.BoundField]:
        return [self[name] for name in self.fields if name.startswith(PREFIX)]

    def clean(self) -> dict[str, Any]:
        data = super().clean() or {}
        if self.adapter.sandbox:
            data["config"] = self.sender.config
            return data
        given = {field.name: self.data.get(PREFIX + field.name, "") for field in self.adapter.fields}
        try:
            data["config"] = self.adapter.clean(given)
        except ConfigRefused as refused:
            for name, text in refused.problems.items():
                field = PREFIX + name
                if not self.errors.get(field):
                    self.add_error(field if field in self.fields else None, text)
        return data

    def fill(self) -> Sender:
        """The sender with what was typed; nothing is stored yet."""
        data, sender = self.cleaned_data, self.sender
        for name in ("name", "identity", "display_name", "reply_to", "time_zone", "per_second", "per_day"):
            if name in data:
                setattr(sender, name, data[name])
        sender.config = data["config"]
        if sender.pk is None:
            sender.unit_id = None if data["owner"] == WHOLE_ORG else int(data["owner"])  # type: ignore[unreachable]  # Django narrows too far
        else:
            sender.revision = data["revision"] or 0
        if "shared" in data and sender.unit_id is None:
            sender.shared_units = [unit if unit == ALL_UNITS else int(unit) for unit in data["shared"]]
        return sender


def _field(field: ConfigField) -> forms.Field:
    """The control of an adapter's field. The adapter itself judges what was typed."""
    common: dict[str, Any] = {
        "label": field.label,
        "help_text": field.help,
        "required": field.required and field.kind != "flag",
        "initial": field.default,
    }
    if field.kind == "choice" and field.choices is not None:
        return forms.ChoiceField(choices=list(field.choices.items()), **common)
    if field.kind == "flag":
        return forms.BooleanField(**common)
    if field.kind == "number":
        return forms.IntegerField(min_value=field.least, max_value=field.most, **common)
    return forms.CharField(**common)


class TestForm(forms.Form):
    """Where the connection test goes."""

    __test__ = False  # not a test class, whatever pytest thinks of its name

    to = forms.CharField(max_length=254, label=_("Send a test to"))

    def __init__(self, *args: Any, sender: Sender, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if sender.channel == Sender.Channel.EMAIL:
            self.fields["to"] = forms.EmailField(max_length=254, label=_("Send a test to"))
        else:
            self.fields["to"] = forms.RegexField(
                r"^\+[1-9][0-9]{6,14}$",
                label=_("Send a test to"),
                error_messages={"invalid": _("Write the number as +14155550123.")},
            )


class ReplyWordsForm(forms.ModelForm[ReplyWords]):
    """An org's own words of one language (H-38)."""

    class Meta:
        model = ReplyWords
        fields = ["language", "opt_out", "opt_in", "help", "help_text"]
        labels = {
            "opt_out": _("Words that opt out"),
            "opt_in": _("Words that opt in"),
            "help": _("Words that ask for help"),
            "help_text": _("What help answers"),
        }
        help_texts = {
            "language": _("A code such as de or hi."),
            "opt_out": _(
                "Besides STOP, STOPALL, UNSUBSCRIBE, CANCEL, END and QUIT; separate them by commas."
            ),
            "opt_in": _("Besides START, UNSTOP and SUBSCRIBE."),
            "help": _("Besides HELP."),
        }
        widgets = {"help_text": forms.Textarea(attrs={"rows": 3})}

    def clean(self) -> dict[str, Any]:
        data = super().clean() or {}
        kinds = {
            name: {word.casefold() for word in split(data.get(name, ""))}
            for name in ("opt_out", "opt_in", "help")
        }
        twice = (
            (kinds["opt_out"] & kinds["opt_in"])
            | (kinds["opt_out"] & kinds["help"])
            | (kinds["opt_in"] & kinds["help"])
        )
        if twice:
            self.add_error(None, _("“%(word)s” cannot mean two things.") % {"word": min(twice)})
        return data
