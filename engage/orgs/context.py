"""What every page of the console knows."""

from __future__ import annotations

from functools import partial
from typing import Any

from django.http import HttpRequest
from django.utils import timezone

from engage.orgs import brand, jobs
from engage.orgs.menu import menu_for
from engage.orgs.models import Org

THEMES = {"light", "dark"}


def console(request: HttpRequest) -> dict[str, Any]:
    """The org, what the reader may do, the menu, the other orgs. Outside an org only the theme and the seats."""
    theme = request.COOKIES.get("theme", "")
    known: dict[str, Any] = {"theme": theme if theme in THEMES else "", "now": timezone.now()}
    if getattr(request, "user", None) is not None and request.user.is_authenticated:
        known["seats"] = Org.objects.filter(seat__user_id=request.user.pk).order_by("name")
    access = getattr(request, "access", None)
    if access is not None:
        known |= {
            "org": access.org,
            "access": access,
            "rights": access.rights,
            "menu": menu_for(access, request.path),
            # Asked by those templates only that show it.
            "filling": partial(jobs.filling, access.org),
            "org_logo": partial(brand.logo_address, access.org),
        }
    return known
