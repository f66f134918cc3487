"""Forms of tests: whom to send one to, and the contacts themselves."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from audiences import contacts
from audiences.models import Channel, Customer
from campaigns import test_sends
from campaigns.models import BrandContact, TestContact
from channels.tags import Tag
from engage.orgs.models import OrgSettings


class TestForm(forms.Form):
    """Whom, and with whose values. `tags` are those that the content uses; a typed value stands before a customer's."""

    __test__ = False

    def __init__(
        self,
        *args: Any,
        people: Sequence[TestContact],
        customers: Sequence[Customer],
        tags: Sequence[Tag],
        **kwargs: Any,
    ) -> None:
        super().__init__(*args, **kwargs)
        self.people, self.tags = people, tags
        groups = sorted({contact.group for contact in people if contact.group})
        if groups:
            self.fields["groups"] = forms.MultipleChoiceField(
                label=_("Groups"),
                choices=[(group, group) for group in groups],
                required=False,
                widget=forms.CheckboxSelectMultiple,
            )
        self.fields["contacts"] = forms.TypedMultipleChoiceField(
            label=_("Contacts"),
            choices=[(contact.pk, f"{contact.name} ({contact.address})") for contact in people],
            coerce=int,
            required=False,
            widget=forms.CheckboxSelectMultiple,
        )
        self.fields["customer"] = forms.TypedChoiceField(
            label=_("Rendered with the values of"),
            choices=[
                ("", _("Sample values")),
                *((one.id, one.full_name or one.external_id) for one in customers),
            ],
            coerce=int,
            empty_value=None,
            required=False,
        )
        for tag in tags:
            self.fields[f"value-{tag.name}"] = forms.CharField(
                label=tag.label, max_length=200, required=False
            )

    def typed(self) -> list[forms.BoundField]:
        """The fields of typed values."""
        return [self[f"value-{tag.name}"] for tag in self.tags]

    def chosen(self) -> list[TestContact]:
        data = self.cleaned_data
        return test_sends.chosen(self.people, data.get("contacts", []), data.get("groups", []))

    def values(self) -> dict[str, str]:
        return {
            tag.name: text for tag in self.tags if (text := self.cleaned_data[f"value-{tag.name}"].strip())
        }


class ColleagueForm(forms.Form):
    """A colleague's address, for tests or in a brand group. Invalid ones are refused (T-27)."""

    name = forms.CharField(max_length=60)
    purpose = forms.ChoiceField(
        label=_("Gets"),
        choices=[("test", _("Tests")), ("copy", _("Copies of what is sent"))],
        initial="test",
        widget=forms.RadioSelect,
    )
    channel = forms.ChoiceField(choices=Channel.choices)
    address = forms.CharField(
        max_length=254, help_text=_("An e-mail address, or a phone number with its country.")
    )
    group = forms.CharField(
        max_length=40,
        required=False,
        help_text=_("Tests can be sent to a whole group; copies go to the group that a message names."),
    )

    def __init__(self, *args: Any, settings: OrgSettings, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.settings = settings

    def clean(self) -> dict[str, Any] | None:
        data = super().clean() or {}
        copies = data.get("purpose") == "copy"
        if copies and not data.get("group") and "group" not in self.errors:
            self.add_error("group", _("Name the brand group: messages choose it by its name."))
        if "channel" not in data or "address" not in data:
            return data
        channel = Channel(data["channel"])
        try:
            data["address"] = contacts.normal(
                channel.contact_kind, data["address"], contacts.region_of(self.settings)
            )
        except contacts.Malformed:
            self.add_error("address", _("This is no address of its channel. Check it."))
            return data
        same = {"channel": channel, "address": data["address"]}
        if copies:
            known = BrandContact.objects.for_org(self.settings.org_id).filter(
                group=data.get("group", ""), **same
            )
            if known.exists():
                self.add_error("address", _("The brand group has this address already."))
        elif TestContact.objects.for_org(self.settings.org_id).filter(**same).exists():
            self.add_error("address", _("There is a test contact with this address already."))
        return data

    def save(self, *, at: datetime) -> TestContact | BrandContact:
        """The colleague, in the list that was chosen."""
        fields = {name: value for name, value in self.cleaned_data.items() if name != "purpose"}
        chosen = BrandContact if self.cleaned_data["purpose"] == "copy" else TestContact
        return chosen.objects.create(org_id=self.settings.org_id, created_at=at, **fields)
