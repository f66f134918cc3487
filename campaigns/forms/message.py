"""The forms of the message wizard, one a step: they validate and convert, nothing else."""

from __future__ import annotations

from typing import Any, Final

from django import forms
from django.core.exceptions import ValidationError
from django.utils.translation import gettext_lazy as _

from audiences.models import Audience, Channel, MessageClass
from campaigns import sender_choice, throttle
from campaigns.models import BrandContact, Message
from channels.models import Sender
from engage.orgs.access import Access
from engage.orgs.models import OrgSettings

STEPS: Final = {
    "basics": _("Basics"),
    "audience": _("Audience"),
    "content": _("Content"),
    "schedule": _("Schedule"),
    "delivery": _("Delivery settings"),
    "review": _("Review"),
}


class Needed(forms.Field):
    """Needed before submission, which the checklist sees to; a draft may be saved without it."""

    def validate(self, value: Any) -> None:
        del value


class NeededText(Needed, forms.CharField):
    pass


class NeededDate(Needed, forms.DateField):
    pass


class NeededTime(Needed, forms.TimeField):
    pass


class NeededNumber(Needed, forms.IntegerField):
    pass


class NeededChoice(Needed, forms.ModelChoiceField):  # type: ignore[type-arg]  # generic for the type checker only
    pass


class StepForm(forms.Form):
    """What every step knows: the message, whose it is, and the version that it was made from (C-18)."""

    use_required_attribute = False
    revision = forms.IntegerField(widget=forms.HiddenInput)

    def __init__(
        self, *args: Any, message: Message, access: Access, settings: OrgSettings, **kwargs: Any
    ) -> None:
        self.message, self.access, self.settings = message, access, settings
        kwargs.setdefault("initial", self.initial_of(message) | {"revision": message.revision})
        super().__init__(*args, **kwargs)
        self.prepare()

    def initial_of(self, message: Message) -> dict[str, Any]:
        return {}

    def prepare(self) -> None:
        """Add or change fields that depend on the message."""

    def changes(self) -> dict[str, Any]:
        """The cleaned fields as `drafting.save` takes them."""
        return {name: value for name, value in self.cleaned_data.items() if name != "revision"}


class BasicsForm(StepForm):
    title = forms.CharField(max_length=100, help_text=_("Unique in the campaign; customers don't see it."))
    channel = forms.ChoiceField(choices=Channel.choices, widget=forms.RadioSelect)

    def initial_of(self, message: Message) -> dict[str, Any]:
        return {"title": message.title, "channel": message.channel, "message_class": message.message_class}

    def prepare(self) -> None:
        if self.settings.service_class and self.access.may("message.service"):
            self.fields["message_class"] = forms.ChoiceField(
                label=_("Class"),
                choices=MessageClass.choices,
                widget=forms.RadioSelect,
                help_text=_(
                    "Service messages use service consent and ignore do-not-disturb and quiet hours."
                ),
            )

    def clean_title(self) -> str:
        title: str = self.cleaned_data["title"].strip()
        same = Message.objects.for_org(self.message.org_id).filter(
            campaign_id=self.message.campaign_id, title=title
        )
        if same.exclude(pk=self.message.pk).exists():
            raise ValidationError(_("Another message of this campaign has this title."))
        return title


class AudienceForm(StepForm):
    """One choice an audience, so that none can be included and excluded at once."""

    USES: Final = [("", _("Not used")), ("include", _("Include")), ("exclude", _("Exclude"))]
    freeze_audience = forms.ChoiceField(
        label=_("When the list is read"),
        choices=Message.Freeze.choices,
        widget=forms.RadioSelect,
        help_text=_("Uploaded lists are fixed already; a filter finds other people tomorrow than today."),
    )

    def initial_of(self, message: Message) -> dict[str, Any]:
        return {"freeze_audience": message.freeze_audience}

    def prepare(self) -> None:
        rows = self.message.audiences.for_org(self.message.org_id).values_list("audience_id", "exclude")
        self.used = {pk: "exclude" if excluded else "include" for pk, excluded in rows}
        audiences = Audience.objects.for_org(self.message.org_id).select_related("current", "unit")
        usable = audiences.visible_to(self.access).filter(archived_at=None) | audiences.filter(
            pk__in=self.used
        )
        self.audiences = sorted(
            usable.distinct(), key=lambda one: (one.pk not in self.used, one.name.lower())
        )
        for audience in self.audiences:
            name = f"use-{audience.pk}"
            self.fields[name] = forms.ChoiceField(
                label=audience.name, choices=self.USES, required=False, widget=forms.RadioSelect
            )
            self.initial[name] = self.used.get(audience.pk, "")

    def choices(self) -> list[dict[str, Any]]:
        """The audiences with their fields, chosen ones first."""
        return [{"audience": one, "field": self[f"use-{one.pk}"]} for one in self.audiences]

    def changes(self) -> dict[str, Any]:
        uses = {one: self.cleaned_data[f"use-{one.pk}"] for one in self.audiences}
        return {
            "include": [one for one, use in uses.items() if use == "include"],
            "exclude": [one for one, use in uses.items() if use == "exclude"],
            "freeze_audience": self.cleaned_data["freeze_audience"],
        }


class EmailForm(StepForm):
    subject = NeededText(max_length=300, help_text=_("One line, up to 150 characters after merging."))
    preview = forms.CharField(
        label=_("Preview text"),
        max_length=200,
        required=False,
        help_text=_("Shown beside the subject in the inbox."),
    )
    html = NeededText(
        label=_("Body"),
        max_length=5_000_000,
        widget=forms.Textarea(attrs={"rows": 18, "class": "code", "spellcheck": "true"}),
        help_text=_("HTML. A promotional e-mail needs its unsubscribe link; the tag is in the list."),
    )
    text = forms.CharField(
        label=_("Text part"),
        required=False,
        max_length=200_000,
        widget=forms.Textarea(attrs={"rows": 4}),
        help_text=_("Left empty, it is made from the body."),
    )

    def initial_of(self, message: Message) -> dict[str, Any]:
        return _content_of(message)

    def changes(self) -> dict[str, Any]:
        return {"content": super().changes()}


class SmsForm(StepForm):
    text = NeededText(max_length=2000, widget=forms.Textarea(attrs={"rows": 5}))
    allow_unicode = forms.BooleanField(
        label=_("Allow Unicode"),
        required=False,
        help_text=_("Other alphabets and emoji shorten a segment from 160 to 70 characters."),
    )

    def initial_of(self, message: Message) -> dict[str, Any]:
        return {"allow_unicode": True} | _content_of(message)

    def changes(self) -> dict[str, Any]:
        content = super().changes()
        return {"content": content | {"allow_unicode": "1" if content["allow_unicode"] else ""}}


def _content_of(message: Message) -> dict[str, Any]:
    row = message.contents.for_org(message.org_id).filter(channel=message.channel, slot=0, variant=0).first()
    return dict(row.fields) if row else {}


def _clock_input() -> forms.TimeInput:
    return forms.TimeInput(attrs={"type": "time"}, format="%H:%M")


class ScheduleForm(StepForm):
    mode = forms.ChoiceField(label=_("When"), choices=Message.Mode.choices, widget=forms.RadioSelect)
    send_on = NeededDate(label=_("Date"), widget=forms.DateInput(attrs={"type": "date"}, format="%Y-%m-%d"))
    send_time = NeededTime(label=_("Time"), widget=_clock_input())

    def initial_of(self, message: Message) -> dict[str, Any]:
        return {"mode": message.mode, "send_on": message.send_on, "send_time": message.send_time}

    def prepare(self) -> None:
        campaign, day = self.message.campaign, self.fields["send_on"].widget.attrs
        day["min"], day["max"] = campaign.start_on.isoformat(), campaign.end_on.isoformat()
        self.fields["send_time"].help_text = self.settings.time_zone

    def clean(self) -> dict[str, Any] | None:
        data = super().clean() or {}
        if data.get("mode") == Message.Mode.DATED:
            for name in ("send_on", "send_time"):
                if not data.get(name) and name not in self.errors:
                    self.add_error(name, _("Choose when it goes out."))
        return data


class DeliveryForm(StepForm):
    track_links = forms.BooleanField(
        label=_("Track links"), required=False, help_text=_("Clicks are counted for each customer.")
    )
    short_links = forms.BooleanField(
        label=_("Short links"),
        required=False,
        help_text=_(
            "20 to 22 characters instead of the whole address. Clicks on whole addresses are not counted."
        ),
    )
    copy_group = forms.ChoiceField(
        label=_("Copy to a brand group"),
        required=False,
        help_text=_(
            "Its colleagues get one copy of each run, marked and with sample values. Copies count nowhere. "
            "The groups are named in the settings, beside the test contacts."
        ),
    )
    throttle_per_hour = forms.IntegerField(
        label=_("Messages an hour at most"),
        required=False,
        min_value=throttle.LEAST,
        max_value=throttle.MOST,
        help_text=_("100 to 100,000. Left empty, they go as fast as the sender takes them."),
    )
    throttle_from = forms.TimeField(label=_("From"), required=False, widget=_clock_input())
    throttle_until = forms.TimeField(label=_("Until"), required=False, widget=_clock_input())

    def initial_of(self, message: Message) -> dict[str, Any]:
        return {
            "sender": message.sender_id,
            "track_links": message.track_links,
            "short_links": message.short_links,
            "send_to_control": message.send_to_control,
            "copy_group": message.copy_group,
            "throttle_per_hour": message.throttle_per_hour,
            "throttle_from": message.throttle_from,
            "throttle_until": message.throttle_until,
        }

    def prepare(self) -> None:
        offered = [sender.pk for sender in sender_choice.offered(self.message.campaign, self.message.channel)]
        senders = Sender.objects.for_org(self.message.org_id)
        self.fields["sender"] = NeededChoice(
            queryset=senders.filter(pk__in=[*offered, self.message.sender_id or 0]),
            empty_label=_("Choose a sender"),
        )
        if not self.settings.link_tracking:
            self.fields["track_links"].disabled = True
            self.fields["track_links"].help_text = _("Link tracking is switched off for the organisation.")
        if self.message.channel != Channel.SMS:
            del self.fields["short_links"]
        if self.settings.send_to_control and self.access.may("message.override"):
            self.fields["send_to_control"] = forms.BooleanField(
                label=_("I confirm: send to the control group too"),
                required=False,
                help_text=_("Then nothing can be measured against it."),
            )
        members = BrandContact.objects.for_org(self.message.org_id).filter(channel=self.message.channel)
        groups = {*members.values_list("group", flat=True), self.message.copy_group} - {""}
        self.fields["copy_group"].choices = [  # type: ignore[attr-defined]
            ("", _("Nobody")),
            *((group, group) for group in sorted(groups)),
        ]
        self.fields["throttle_from"].help_text = self.settings.time_zone
        self.fields["throttle_until"].help_text = _("What is left waits for the next day.")
        self.order_fields(["sender", "track_links", "short_links", "copy_group", "send_to_control"])

    def clean(self) -> dict[str, Any] | None:
        data = super().clean() or {}
        begins, ends = data.get("throttle_from"), data.get("throttle_until")
        if begins is None and ends is None:
            return data
        if data.get("throttle_per_hour") is None and "throttle_per_hour" not in self.errors:
            self.add_error("throttle_per_hour", _("Say how many an hour, too."))
        for name in ("throttle_from", "throttle_until"):
            if data.get(name) is None and name not in self.errors:
                self.add_error(name, _("Give both times, or none."))
        if begins is not None and begins == ends:
            self.add_error("throttle_until", _("Choose another time than the first."))
        return data

    def others(self) -> list[forms.BoundField]:
        """All but the throttle's, which have a place of their own."""
        return [field for field in self.visible_fields() if not field.name.startswith("throttle")]


class ReviewForm(StepForm):
    typed_recipients = NeededNumber(
        label=_("Number of recipients"),
        min_value=0,
        help_text=_("Type it to confirm a large send."),
    )

    def initial_of(self, message: Message) -> dict[str, Any]:
        return {"typed_recipients": message.typed_recipients}


def form_class(step: str, message: Message) -> type[StepForm]:
    if step == "content":
        return SmsForm if message.channel == Channel.SMS else EmailForm
    return {
        "basics": BasicsForm,
        "audience": AudienceForm,
        "schedule": ScheduleForm,
        "delivery": DeliveryForm,
        "review": ReviewForm,
    }[step]


class NewMessageForm(forms.Form):
    """The first save of a message: what it is called and its channel."""

    title = forms.CharField(max_length=100, help_text=_("Unique in the campaign; customers don't see it."))
    channel = forms.ChoiceField(choices=Channel.choices, widget=forms.RadioSelect, initial=Channel.EMAIL)
    token = forms.CharField(widget=forms.HiddenInput, max_length=20, required=False)

    def __init__(self, *args: Any, campaign_id: int, org_id: int, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.campaign_id, self.org_id = campaign_id, org_id

    def clean_title(self) -> str:
        title: str = self.cleaned_data["title"].strip()
        if Message.objects.for_org(self.org_id).filter(campaign_id=self.campaign_id, title=title).exists():
            raise ValidationError(_("Another message of this campaign has this title."))
        return title


class ReasonForm(forms.Form):
    reason = forms.CharField(
        label=_("Reason"),
        min_length=10,
        max_length=1000,
        widget=forms.Textarea(attrs={"rows": 3}),
        help_text=_("10 to 1,000 characters; the author gets it by mail."),
    )
