"""The second step of any file: how it is read, and its columns with their first values."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import zip_longest
from typing import Any, ClassVar

from django import forms
from django.core.files.uploadedfile import UploadedFile
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from audiences.intake import csvfile
from audiences.intake.csvfile import Format
from engage.orgs.doors import OrgRequest
from engage.orgs.models import OrgSettings


class FileForm(forms.Form):
    """The first step: the file, as large as the org's settings allow."""

    file = forms.FileField(
        label=gettext_lazy("CSV file"),
        help_text=gettext_lazy("With a header row. Comma, semicolon or tab; any common encoding."),
    )

    def __init__(self, *args: Any, settings: OrgSettings, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.megabytes = settings.upload_megabytes

    def clean_file(self) -> UploadedFile:
        file: UploadedFile = self.cleaned_data["file"]
        if (file.size or 0) > self.megabytes * 1024 * 1024:
            text = _("The file is larger than %(n)s MB. Split it, or ask an Org admin to raise the limit.")
            raise forms.ValidationError(text % {"n": self.megabytes})
        return file


class FormatForm(forms.Form):
    """How the file is read."""

    ENCODINGS: ClassVar = list(csvfile.ENCODINGS.items())
    DELIMITERS: ClassVar = [(delimiter, word.capitalize()) for delimiter, word in csvfile.DELIMITERS.items()]

    encoding = forms.ChoiceField(label=gettext_lazy("Encoding"), choices=ENCODINGS)
    delimiter = forms.ChoiceField(label=gettext_lazy("Columns are separated by"), choices=DELIMITERS)


def asked_format(request: OrgRequest) -> Format | None:
    """How the person says that the file is to be read; None until they say something."""
    asked = request.POST if request.method == "POST" else request.GET
    encoding, delimiter = asked.get("encoding"), asked.get("delimiter")
    if encoding in csvfile.ENCODINGS and delimiter in csvfile.DELIMITERS:
        return Format(encoding, delimiter)
    return None


def first_values(rows: Sequence[Sequence[str]], columns: int) -> list[list[str]]:
    """The values of the first rows by column, so that a mapping on a phone reads as well as on a desk."""
    by_column = [list(values) for values in zip_longest(*rows[:5], fillvalue="")]
    return [by_column[place] if place < len(by_column) else [] for place in range(columns)]
