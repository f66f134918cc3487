"""Forms of sign-in, accounts, members, roles and units: they validate and convert, nothing else."""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib.auth.password_validation import validate_password
from django.core.exceptions import ValidationError

from engage.orgs import locales
from engage.orgs.access import Access
from engage.orgs.models import OrgUnit, Role, User
from engage.orgs.models.people import normal_email
from engage.orgs.rights import RIGHTS


class SignInForm(forms.Form):
    email = forms.EmailField(
        label="E-mail", widget=forms.EmailInput(attrs={"autocomplete": "username", "autofocus": True})
    )
    password = forms.CharField(
        widget=forms.PasswordInput(attrs={"autocomplete": "current-password"}), strip=False
    )


class ProveForm(forms.Form):
    """Fresh proof of identity: the code where there is a second factor, else the password (T-20)."""

    proof = forms.CharField(strip=True, widget=forms.PasswordInput(attrs={"autofocus": True}))

    def __init__(self, *args: Any, by_code: bool, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        field = self.fields["proof"]
        field.label = "Code from your authenticator app" if by_code else "Your password"
        if by_code:
            field.widget = forms.TextInput(
                attrs={"autocomplete": "one-time-code", "inputmode": "numeric", "autofocus": True}
            )
        else:
            field.widget.attrs["autocomplete"] = "current-password"


class CodeForm(forms.Form):
    code = forms.CharField(
        label="Code",
        max_length=20,
        help_text="Six digits from your authenticator app, or a recovery code.",
        widget=forms.TextInput(
            attrs={"autocomplete": "one-time-code", "inputmode": "text", "autofocus": True}
        ),
    )


class NewPasswordForm(forms.Form):
    password = forms.CharField(
        label="New password",
        strip=False,
        help_text="At least 12 characters; a few unrelated words make a good one.",
        widget=forms.PasswordInput(attrs={"autocomplete": "new-password"}),
    )

    def __init__(self, *args: Any, user: User, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.user = user

    def clean_password(self) -> str:
        password: str = self.cleaned_data["password"]
        validate_password(password, self.user)
        return password


class AcceptForm(NewPasswordForm):
    """A new person accepts an invitation."""

    name = forms.CharField(max_length=100, widget=forms.TextInput(attrs={"autocomplete": "name"}))
    field_order = ["name", "password"]


class AccountForm(forms.ModelForm[User]):
    time_zone = forms.ChoiceField(
        choices=[("", "—"), *locales.ZONES],
        required=False,
        label="Your time zone",
        help_text="Shown beside Org time where they differ.",
    )

    class Meta:
        model = User
        fields = ["name", "time_zone"]


class AccessForm(forms.Form):
    """Roles and scope of a member or an invitation."""

    scope = forms.ChoiceField(
        choices=[("org", "The whole organisation, also future units"), ("units", "Only these units")],
        widget=forms.RadioSelect,
        initial="org",
        label="Acts on",
    )
    field_order = ["email", "roles", "scope", "units"]

    def __init__(self, *args: Any, access: Access, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        units = OrgUnit.objects.for_org(access.org).filter(status=OrgUnit.Status.ACTIVE)
        self.fields["roles"] = forms.ModelMultipleChoiceField(
            queryset=Role.objects.for_org(access.org),
            widget=forms.CheckboxSelectMultiple,
            error_messages={"required": "Choose at least one role."},
        )
        self.fields["units"] = forms.ModelMultipleChoiceField(
            queryset=units if access.whole_org else units.filter(pk__in=access.unit_ids),
            required=False,
            widget=forms.CheckboxSelectMultiple,
        )
        self.order_fields(self.field_order)

    def clean(self) -> dict[str, Any] | None:
        data = super().clean()
        if data and data.get("scope") == "units" and not data.get("units"):
            raise ValidationError({"units": "Choose at least one unit."})
        return data

    def units_or_none(self) -> list[OrgUnit] | None:
        """The chosen units, None for Org scope."""
        return None if self.cleaned_data["scope"] == "org" else list(self.cleaned_data["units"])


class InviteForm(AccessForm):
    email = forms.EmailField(label="E-mail", widget=forms.EmailInput(attrs={"autocomplete": "off"}))

    def clean_email(self) -> str:
        return normal_email(self.cleaned_data["email"])


class RoleForm(forms.ModelForm[Role]):
    rights = forms.MultipleChoiceField(
        choices=[(right, f"{label} ({right})") for right, label in RIGHTS],
        widget=forms.CheckboxSelectMultiple,
        error_messages={"required": "Tick at least one right."},
    )

    class Meta:
        model = Role
        fields = ["name"]

    def __init__(self, *args: Any, access: Access, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.access = access
        if self.instance.rights:
            self.initial["rights"] = self.instance.rights

    def clean_name(self) -> str:
        name: str = self.cleaned_data["name"]
        same = Role.objects.for_org(self.access.org).filter(name__iexact=name).exclude(pk=self.instance.pk)
        if same.exists():
            raise ValidationError("Another role has this name.")
        return name


class UnitForm(forms.ModelForm[OrgUnit]):
    class Meta:
        model = OrgUnit
        fields = ["name", "code"]
        help_texts = {
            "code": "Letters, digits and dashes. Files name the unit by it; it can't be changed later."
        }

    def __init__(self, *args: Any, access: Access, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.access = access
        if self.instance.pk:
            self.fields["code"].disabled = True

    def clean_code(self) -> str:
        code: str = self.cleaned_data["code"]
        same = OrgUnit.objects.for_org(self.access.org).filter(code=code).exclude(pk=self.instance.pk)
        if same.exists():
            raise ValidationError("Another unit has this code.")
        return code
