"""How the demo's tenants look to their customers: logos that are drawn here, so that no picture is kept as a file."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from io import BytesIO
from typing import Final

from PIL import Image, ImageDraw

from engage.local.demo.tenants import Tenant
from engage.orgs import brand
from engage.orgs.models import LandingText
from engage.orgs.tenancy import org_context

# Drawn large; the product draws every logo anew, and smaller.
_SIDE: Final = 640
_NAVY: Final = "#1d3f72"
_GREEN: Final = "#1f7a4d"


def northline(tenant: Tenant) -> None:
    """A mark pointing north above a line. Safe to repeat."""
    _wear(
        tenant,
        _north,
        _NAVY,
        {
            "introduction": "Thank you for shopping with us. Choose what {company} should stop sending you.",
            "farewell": "Your Northline card and its savings stay as they are.",
        },
    )


def verde(tenant: Tenant) -> None:
    """A leaf. Safe to repeat."""
    _wear(
        tenant,
        _leaf,
        _GREEN,
        {
            "introduction": "Gracias por comprar con nosotros. Elige qué debe dejar de enviarte {company}.",
            "farewell": "Te esperamos en nuestras tiendas.",
        },
    )


def _wear(
    tenant: Tenant, paint: Callable[[ImageDraw.ImageDraw], None], accent: str, texts: Mapping[str, str]
) -> None:
    picture = Image.new("RGBA", (_SIDE, _SIDE))
    paint(ImageDraw.Draw(picture))
    file = BytesIO()
    picture.save(file, "PNG")
    language = tenant.settings.language
    with org_context(tenant.org.pk):
        admin = tenant.access(tenant.admin)
        brand.set_logo(file, file.tell(), by=admin, at=tenant.at)
        if not LandingText.objects.for_org(tenant.org).exists():
            words = {text: texts.get(text, "") for text in brand.TEXTS}
            brand.save_landing(language, words, accent, read_revision=0, by=admin, at=tenant.at)


def _north(pen: ImageDraw.ImageDraw) -> None:
    pen.rounded_rectangle((0, 0, _SIDE - 1, _SIDE - 1), radius=140, fill=_NAVY)
    pen.polygon([(320, 110), (500, 420), (320, 340), (140, 420)], fill="white")
    pen.rounded_rectangle((140, 480, 500, 530), radius=25, fill="white")


def _leaf(pen: ImageDraw.ImageDraw) -> None:
    pen.ellipse((0, 0, _SIDE - 1, _SIDE - 1), fill=_GREEN)
    # Two arcs of circles that meet in the leaf's tips.
    half = math.acos(200 / 330)
    right = [
        (120 + 330 * math.cos(half * n / 45), 320 + 330 * math.sin(half * n / 45)) for n in range(-45, 46)
    ]
    left = [(_SIDE - x, _SIDE - y) for x, y in right]
    pen.polygon([*right, *left], fill="white")
    pen.line([(320, 180), (320, 580)], fill=_GREEN, width=22)
