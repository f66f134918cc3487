"""The forms of the message wizard, one a step: they validate and convert, nothing else."""

from __future__ import annotations

from typing import Any, Final

from django import forms
from django.core.exceptions import ValidationError

from audiences.models import Audience, Channel, MessageClass
from campaigns import sender_choice
from campaigns.models import Message
from channels.models import Sender
from engage.orgs.access import Access
from engage.orgs.models import OrgSettings

STEPS: Final = {
    "basics": "Basics",
    "audience": "Audience",
    "content": "Content",
    "schedule": "Schedule",
    "delivery": "Delivery settings",
    "review": "Review",
}


class StepForm(forms.Form):
    """What every step knows: the message, whose it is, and the version that it was made from (C-18)."""

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
    title = forms.CharField(max_length=100, help_text="Unique in the campaign; customers don't see it.")
    channel = forms.ChoiceField(choices=Channel.choices, widget=forms.RadioSelect)

    def initial_of(self, message: Message) -> dict[str, Any]:
        return {"title": message.title, "channel": message.channel, "message_class": message.message_class}

    def prepare(self) -> None:
        if self.settings.service_class and self.access.may("message.service"):
            self.fields["message_class"] = forms.ChoiceField(
                label="Class",
                choices=MessageClass.choices,
                widget=forms.RadioSelect,
                help_text="Service messages use service consent and ignore do-not-disturb and quiet hours.",
            )

    def clean_title(self) -> str:
        title: str = self.cleaned_data["title"].strip()
        same = Message.objects.for_org(self.message.org_id).filter(
            campaign_id=self.message.campaign_id, title=title
        )
        if same.exclude(pk=self.message.pk).exists():
            raise ValidationError("Another message of this campaign has this title.")
        return title


class AudienceForm(StepForm):
    freeze_audience = forms.ChoiceField(
        label="The list is read", choices=Message.Freeze.choices, widget=forms.RadioSelect
    )

    def initial_of(self, message: Message) -> dict[str, Any]:
        rows = list(message.audiences.for_org(message.org_id).values_list("audience_id", "exclude"))
        return {
            "include": [pk for pk, excluded in rows if not excluded],
            "exclude": [pk for pk, excluded in rows if excluded],
            "freeze_audience": message.freeze_audience,
        }

    def prepare(self) -> None:
        usable = Audience.objects.for_org(self.message.org_id).visible_to(self.access)
        chosen = [*self.initial.get("include", []), *self.initial.get("exclude", [])]
        usable = usable.filter(archived_at=None) | Audience.objects.for_org(self.message.org_id).filter(
            pk__in=chosen
        )
        self.fields["include"] = forms.ModelMultipleChoiceField(
            queryset=usable.distinct().order_by("name"), required=False, widget=forms.CheckboxSelectMultiple
        )
        self.fields["exclude"] = forms.ModelMultipleChoiceField(
            queryset=usable.distinct().order_by("name"), required=False, widget=forms.CheckboxSelectMultiple
        )
        self.order_fields(["include", "exclude", "freeze_audience"])

    def clean(self) -> dict[str, Any] | None:
        data = super().clean() or {}
        both = set(data.get("include", [])) & set(data.get("exclude", []))
        if both:
            raise ValidationError(
                {"exclude": f"“{next(iter(both))}” is chosen above as well. Take one away."}
            )
        return data


class EmailForm(StepForm):
    subject = forms.CharField(
        max_length=300, required=False, help_text="One line, 1 to 150 characters after merging."
    )
    preview = forms.CharField(
        label="Preview text",
        max_length=200,
        required=False,
        help_text="Shown beside the subject in the inbox.",
    )
    html = forms.CharField(
        label="Body",
        required=False,
        max_length=5_000_000,
        widget=forms.Textarea(attrs={"rows": 18, "class": "code", "spellcheck": "true"}),
        help_text='HTML. A promotional e-mail needs the unsubscribe tag as a link: <a href="{{ unsubscribe }}">.',
    )
    text = forms.CharField(
        label="Text part",
        required=False,
        max_length=200_000,
        widget=forms.Textarea(attrs={"rows": 6}),
        help_text="Left empty, it is made from the body.",
    )

    def initial_of(self, message: Message) -> dict[str, Any]:
        return _content_of(message)

    def changes(self) -> dict[str, Any]:
        return {"content": super().changes()}


class SmsForm(StepForm):
    text = forms.CharField(required=False, max_length=2000, widget=forms.Textarea(attrs={"rows": 5}))
    allow_unicode = forms.BooleanField(label="Allow Unicode", required=False)

    def initial_of(self, message: Message) -> dict[str, Any]:
        return {"allow_unicode": True} | _content_of(message)

    def changes(self) -> dict[str, Any]:
        return {"content": super().changes()}


def _content_of(message: Message) -> dict[str, Any]:
    row = message.contents.for_org(message.org_id).filter(channel=message.channel, slot=0, variant=0).first()
    return dict(row.fields) if row else {}


class ScheduleForm(StepForm):
    mode = forms.ChoiceField(label="When", choices=Message.Mode.choices, widget=forms.RadioSelect)
    send_on = forms.DateField(
        label="Date", required=False, widget=forms.DateInput(attrs={"type": "date"}, format="%Y-%m-%d")
    )
    send_time = forms.TimeField(
        label="Time", required=False, widget=forms.TimeInput(attrs={"type": "time"}, format="%H:%M")
    )

    def initial_of(self, message: Message) -> dict[str, Any]:
        return {"mode": message.mode, "send_on": message.send_on, "send_time": message.send_time}

    def prepare(self) -> None:
        self.fields["send_time"].help_text = f"In {self.settings.time_zone}."

    def clean(self) -> dict[str, Any] | None:
        data = super().clean() or {}
        if data.get("mode") == Message.Mode.DATED:
            for name in ("send_on", "send_time"):
                if not data.get(name) and name not in self.errors:
                    self.add_error(name, "Choose when it goes out.")
        return data


class DeliveryForm(StepForm):
    track_links = forms.BooleanField(label="Track links", required=False)
    short_links = forms.BooleanField(label="Short links", required=False)

    def initial_of(self, message: Message) -> dict[str, Any]:
        return {
            "sender": message.sender_id,
            "track_links": message.track_links,
            "short_links": message.short_links,
            "send_to_control": message.send_to_control,
        }

    def prepare(self) -> None:
        offered = [sender.pk for sender in sender_choice.offered(self.message.campaign, self.message.channel)]
        self.fields["sender"] = forms.ModelChoiceField(
            queryset=Sender.objects.for_org(self.message.org_id).filter(
                pk__in=[*offered, self.message.sender_id or 0]
            ),
            required=False,
            empty_label="Choose a sender",
        )
        if not self.settings.link_tracking:
            self.fields["track_links"].disabled = True
            self.fields["track_links"].help_text = "Link tracking is switched off for the organisation."
        if self.message.channel != Channel.SMS:
            del self.fields["short_links"]
        if self.settings.send_to_control and self.access.may("message.override"):
            self.fields["send_to_control"] = forms.BooleanField(
                label="I confirm: send to the control group too",
                required=False,
                help_text="Then nothing can be measured against it.",
            )
        self.order_fields(["sender", "track_links", "short_links", "send_to_control"])


class ReviewForm(StepForm):
    typed_recipients = forms.IntegerField(
        label="Number of recipients, to confirm a large send", required=False, min_value=0
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

    title = forms.CharField(max_length=100, help_text="Unique in the campaign; customers don't see it.")
    channel = forms.ChoiceField(choices=Channel.choices, widget=forms.RadioSelect, initial=Channel.EMAIL)

    def __init__(self, *args: Any, campaign_id: int, org_id: int, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.campaign_id, self.org_id = campaign_id, org_id

    def clean_title(self) -> str:
        title: str = self.cleaned_data["title"].strip()
        if Message.objects.for_org(self.org_id).filter(campaign_id=self.campaign_id, title=title).exists():
            raise ValidationError("Another message of this campaign has this title.")
        return title


class ReasonForm(forms.Form):
    reason = forms.CharField(
        min_length=10,
        max_length=1000,
        widget=forms.Textarea(attrs={"rows": 3}),
        help_text="10 to 1,000 characters; the author gets it by mail.",
    )
