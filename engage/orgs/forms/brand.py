"""The logo, and the texts and colour of the landing page."""

from __future__ import annotations

from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from engage.orgs import brand, colours
from engage.orgs.models import Brand, LandingText


class LogoForm(forms.Form):
    file = forms.FileField(
        label=gettext_lazy("Picture"),
        help_text=gettext_lazy(
            "PNG, JPEG or WebP, at most 2 MB and 3,000 pixels a side. It is drawn anew as a PNG of at most 480 × 160 "
            "pixels and always stands on a light ground."
        ),
        widget=forms.FileInput(attrs={"accept": "image/png,image/jpeg,image/webp"}),
        error_messages={
            "required": gettext_lazy("Choose a picture first."),
            "empty": gettext_lazy("The file is empty."),
        },
    )


class LinesField(forms.CharField):
    """Counts a line's end as one character, as browsers do."""

    def to_python(self, value: Any) -> Any:
        return str(super().to_python(value)).replace("\r\n", "\n")


class LandingForm(forms.ModelForm[LandingText]):
    """The texts in one language, and the colour, which is the same in all. `revision` finds a stale save."""

    accent = forms.CharField(
        max_length=7,
        required=False,
        label=gettext_lazy("Colour"),
        help_text=gettext_lazy(
            "Like #1f5c99; empty for the standard colour. The same in every language. The button takes it as it is, "
            "with white or black words, whichever read better; lines and links are made darker or lighter where they "
            "could not be read, also in dark mode."
        ),
        widget=forms.TextInput(
            attrs={"spellcheck": "false", "autocomplete": "off", "placeholder": "#1f5c99"}
        ),
    )
    revision = forms.IntegerField(widget=forms.HiddenInput)

    class Meta:
        model = LandingText
        fields = ["heading", "introduction", "farewell"]
        field_classes = {"introduction": LinesField, "farewell": LinesField}
        widgets = {
            "introduction": forms.Textarea(attrs={"rows": 3}),
            "farewell": forms.Textarea(attrs={"rows": 3}),
        }
        labels = {
            "heading": gettext_lazy("Heading"),
            "introduction": gettext_lazy("Introduction"),
            "farewell": gettext_lazy("After unsubscribing"),
        }
        help_texts = {
            "heading": gettext_lazy("At most 80 characters. {company} and {channel} are filled in."),
            "introduction": gettext_lazy("At most 500 characters. {company} and {channel} are filled in."),
            "farewell": gettext_lazy(
                "At most 500 characters, below the sentence that says what was left. {company} is filled in."
            ),
        }

    def __init__(self, *args: Any, chosen: Brand, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for text in brand.TEXTS:
            self.fields[text].widget.attrs |= {"lang": self.instance.language, "dir": "auto"}
        self.initial["accent"] = chosen.accent
        self.initial["revision"] = self.instance.revision if self.instance.pk else 0

    @property
    def texts(self) -> dict[str, str]:
        return {text: self.cleaned_data[text] for text in brand.TEXTS}

    def clean_accent(self) -> str:
        said = self.cleaned_data["accent"]
        colour = colours.normal(said) if said else ""
        if colour is None:
            raise ValidationError(_("This is no colour. Write it like #1f5c99."))
        return colour

    def clean_heading(self) -> str:
        return " ".join(self._checked("heading").split())

    def clean_introduction(self) -> str:
        return self._checked("introduction")

    def clean_farewell(self) -> str:
        return self._checked("farewell")

    def _checked(self, text: str) -> str:
        said: str = self.cleaned_data[text]
        known = brand.TEXTS[text]
        if wrong := brand.misplaced(said, known):
            names = _(" or ").join("{" + name + "}" for name in known)
            if len(wrong) == 1:
                raise ValidationError(
                    _("A “%(wrong)s” stands alone. Braces are for %(names)s only.")
                    % {"wrong": wrong, "names": names}
                )
            raise ValidationError(
                _("“%(wrong)s” cannot be filled in here. Write %(names)s, or leave the braces out.")
                % {"wrong": wrong, "names": names}
            )
        return said
