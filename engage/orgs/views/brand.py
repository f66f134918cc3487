"""The settings of what customers see: logo, colour, landing page."""

from __future__ import annotations

from django.contrib import messages
from django.http import Http404, HttpResponse, QueryDict
from django.shortcuts import redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST

from engage.orgs import audit, brand, languages
from engage.orgs.brand import TextsChanged
from engage.orgs.doors import OrgRequest, org_url, org_view
from engage.orgs.forms.brand import LandingForm, LogoForm
from engage.orgs.logos import LogoRefused
from engage.orgs.models import LandingText


@org_view("settings.general")
def page(request: OrgRequest) -> HttpResponse:
    """The logo; the colour and the texts of the landing page in one language, whose save this is."""
    language = language_of(request)
    form = landing_form(request, language, request.POST or None)
    if form.is_valid():
        try:
            brand.save_landing(
                language,
                form.texts,
                form.cleaned_data["accent"],
                read_revision=form.cleaned_data["revision"],
                by=request.access,
                at=timezone.now(),
            )
        except TextsChanged as changed:
            form.add_error(None, str(changed))
        else:
            messages.success(request, _("Saved. Customers see it from now on."))
            return _back(request, language)
    return editor(request, language, form=form)


@require_POST
@org_view("settings.general")
def logo(request: OrgRequest) -> HttpResponse:
    """Upload one; the former one is replaced."""
    form = LogoForm(request.POST, request.FILES)
    if form.is_valid():
        file = form.cleaned_data["file"]
        try:
            brand.set_logo(file, file.size, by=request.access, at=timezone.now())
        except LogoRefused as refused:
            form.add_error("file", str(refused))
        else:
            messages.success(request, _("The logo is in use."))
            return _back(request, language_of(request))
    return editor(request, language_of(request), logo_form=form)


@require_POST
@org_view("settings.general")
def logo_remove(request: OrgRequest) -> HttpResponse:
    brand.remove_logo(by=request.access, at=timezone.now())
    messages.success(request, _("The logo is removed."))
    return _back(request, language_of(request))


@require_POST
@org_view("settings.general")
def reset(request: OrgRequest) -> HttpResponse:
    """Back to the standard texts in the language of the address or, with `all`, to everything standard but the logo."""
    language = language_of(request)
    everything = "all" in request.POST
    brand.reset_landing(None if everything else language, by=request.access, at=timezone.now())
    messages.success(request, _("The standard page is back."))
    return _back(request, language)


def language_of(request: OrgRequest) -> str:
    """Of the address, else the org's, else English. Another than those spoken here is not found."""
    asked = request.GET.get("language")
    if asked is None:
        return languages.choose("", request.settings.language)
    if asked not in languages.SPOKEN:
        raise Http404
    return asked


def landing_form(request: OrgRequest, language: str, data: QueryDict | None = None) -> LandingForm:
    stored = LandingText.objects.for_org(request.org).filter(language=language).first()
    return LandingForm(
        data,
        instance=stored or LandingText(org=request.org, language=language),
        chosen=brand.brand_of(request.org),
    )


def editor(
    request: OrgRequest, language: str, *, form: LandingForm | None = None, logo_form: LogoForm | None = None
) -> HttpResponse:
    """The page itself; 422 with what is wrong in one of its forms."""
    form = form or landing_form(request, language)
    written = set(LandingText.objects.for_org(request.org).values_list("language", flat=True))
    chosen = brand.brand_of(request.org)
    here = org_url(request.org, "settings-brand")
    context = {
        "form": form,
        "logo_form": logo_form or LogoForm(),
        "brand": chosen,
        "of_texts": language,
        "language_name": languages.SPOKEN[language],
        "tabs": [
            {
                "label": name,
                "url": f"{here}?language={code}",
                "current": code == language,
                "own": code in written,
            }
            for code, name in languages.SPOKEN.items()
        ],
        "own_texts": language in written,
        "anything": bool(written or chosen.accent),
        "history": audit.history(chosen, request.org)[:20] if chosen.pk else [],
    }
    wrong = form.errors or (logo_form is not None and logo_form.errors)
    return render(request, "orgs/brand.html", context, status=422 if wrong else 200)


def _back(request: OrgRequest, language: str) -> HttpResponse:
    return redirect(f"{org_url(request.org, 'settings-brand')}?language={language}")
