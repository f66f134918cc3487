"""An org's logo and colours as its public pages load them. No sign-in, no cookie; an address never changes meaning."""

from __future__ import annotations

from typing import Final

from django.http import Http404, HttpRequest, HttpResponse
from django.views.decorators.http import require_safe

from engage.orgs import colours
from engage.orgs.models import Brand
from engage.orgs.tenancy import org_context

FOR_A_YEAR: Final = "public, max-age=31536000, immutable"


@require_safe
def logo(request: HttpRequest, org_id: str, digest: str) -> HttpResponse:
    """The picture of this digest, while it is the org's logo. Any other address answers alike."""
    org = int(org_id)
    with org_context(org):
        found = Brand.objects.for_org(org).filter(logo_digest=digest).values_list("logo", flat=True).first()
    if not found:
        raise Http404
    return HttpResponse(bytes(found), content_type="image/png", headers={"Cache-Control": FOR_A_YEAR})


@require_safe
def brand_colours(request: HttpRequest, accent: str, digest: str) -> HttpResponse:
    """Follows from the colour alone, so it asks nothing of the database."""
    colour = f"#{accent}"
    if digest != colours.digest(colour):
        raise Http404
    return HttpResponse(
        colours.stylesheet(colour),
        content_type="text/css; charset=utf-8",
        headers={"Cache-Control": FOR_A_YEAR},
    )
