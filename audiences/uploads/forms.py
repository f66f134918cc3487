"""What is asked about a list's file once it was looked at: how it is read, whose list it is, what its columns are."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from django import forms
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from audiences.intake.csvfile import Refused
from audiences.intake.forms import FormatForm
from audiences.lists import LONGEST_NAME
from audiences.models import Audience
from audiences.uploads.columns import LABELS, LONGEST_TAG, Column, Meaning, check
from engage.orgs.access import Access
from engage.orgs.models import OrgUnit

CREATE: Final = "create"
WHOLE_ORG: Final = "org"


class ListForm(FormatForm):
    """One form for all of it: nothing that was typed is lost when the file is read another way.

    `audience` is the list that rows are added to; a new one has a name and an owner.
    """

    header = forms.ChoiceField(
        label=gettext_lazy("The first row"),
        choices=[("yes", gettext_lazy("names the columns")), ("no", gettext_lazy("is already a customer"))],
    )

    def __init__(
        self,
        *args: Any,
        access: Access,
        shared: bool,
        proposed: Sequence[Column],
        audience: Audience | None,
        **kwargs: Any,
    ) -> None:
        super().__init__(*args, **kwargs)
        self.access = access
        self.audience = audience
        self.proposed = proposed
        self._shared = shared
        self._units = {str(unit.pk): unit for unit in _units(access)}
        if audience is None:
            self.fields["name"] = forms.CharField(label=_("Name of the list"), max_length=LONGEST_NAME)
            self.fields["unit"] = self._owner()
        if access.whole_org and access.may("customer.edit"):
            self.fields["unknown"] = forms.ChoiceField(
                label=_("Customers that nobody knows"),
                choices=[
                    ("reject", _("Reject their rows")),
                    (CREATE, _("Create them, consent unset")),
                ],
                help_text=_("A new customer needs an external id."),
            )
        for place, column in enumerate(proposed):
            self._add_column(place, column)

    def _owner(self) -> forms.ChoiceField:
        choices = [(pk, unit.name) for pk, unit in self._units.items()]
        if self.access.whole_org:
            choices.insert(0, (WHOLE_ORG, self.access.org.name))
        return forms.ChoiceField(
            label=_("Owner"),
            choices=choices,
            help_text=_("A unit’s list holds its own customers only."),
        )

    def _add_column(self, place: int, column: Column) -> None:
        self.fields[f"column-{place}"] = forms.ChoiceField(
            label=column.heading,
            choices=[(meaning.value, label) for meaning, label in LABELS.items()],
            initial=column.meaning.value,
            required=False,
        )
        self.fields[f"tag-{place}"] = forms.CharField(
            label=_("The tag’s name for “%(column)s”") % {"column": column.heading},
            max_length=LONGEST_TAG,
            initial=column.tag or column.heading[:LONGEST_TAG],
            required=False,
        )

    @property
    def columns(self) -> list[tuple[forms.BoundField, forms.BoundField]]:
        """Of each column: what it is, and its name as a tag."""
        return [(self[f"column-{place}"], self[f"tag-{place}"]) for place in range(len(self.proposed))]

    def clean(self) -> dict[str, Any]:
        cleaned: dict[str, Any] = super().clean() or {}
        if not any(name.startswith("column-") for name in self.errors):
            tags = self.audience.current.tags if self.audience and self.audience.current else []
            try:
                check(self.chosen(), shared=self._shared, tags=tags)
            except Refused as refused:
                self.add_error("column-0" if self.proposed else None, str(refused))
        return cleaned

    def chosen(self) -> list[Column]:
        """The columns as they were said to be. Call on a clean form."""
        said = []
        for place, column in enumerate(self.proposed):
            meaning = Meaning(self.cleaned_data[f"column-{place}"])
            name = " ".join(self.cleaned_data.get(f"tag-{place}", "").split())
            said.append(Column(column.heading, meaning, name if meaning is Meaning.TAG else ""))
        return said

    def owner(self) -> OrgUnit | None:
        """The unit that will own the new list; None for the org."""
        return self._units.get(self.cleaned_data["unit"])

    def creates_unknown(self) -> bool:
        return self.cleaned_data.get("unknown") == CREATE


def _units(access: Access) -> list[OrgUnit]:
    """The units for which this person may create (T-08)."""
    units = OrgUnit.objects.for_org(access.org)
    return list(units if access.whole_org else units.filter(pk__in=access.unit_ids))
