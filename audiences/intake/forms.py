"""What is asked about any file: which, and how it is read."""

from __future__ import annotations

from typing import Any, ClassVar

from django import forms
from django.core.files.uploadedfile import UploadedFile
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from audiences.intake import csvfile
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
