"""A picture that someone uploaded, judged by what it is and drawn anew: nothing of the file itself is kept.

Raster only: an SVG is a document that can hold scripts and call other hosts.
"""

from __future__ import annotations

import hashlib
import io
import struct
from dataclasses import dataclass
from typing import BinaryIO, Final

from django.utils.translation import gettext as _
from PIL import Image, ImageOps

MOST_BYTES: Final = 2 * 1024 * 1024
MOST_SIDE: Final = 3_000  # of the upload; what it unpacks to stays under 40 MB
LEAST_SIDE: Final = 24
# Stored twice as large as it is ever shown, for sharp screens.
BOX: Final = (480, 160)
FORMATS: Final = ("PNG", "JPEG", "WEBP")


class LogoRefused(Exception):
    """The file cannot be the logo; the text is fit for the user."""


@dataclass(frozen=True)
class Picture:
    """A PNG of ours."""

    content: bytes
    width: int
    height: int

    @property
    def digest(self) -> str:
        return hashlib.sha256(self.content).hexdigest()[:32]


def draw(file: BinaryIO, size: int) -> Picture:
    """The upload as a PNG within `BOX`, without whatever else the file held. Raises `LogoRefused`."""
    if size > MOST_BYTES:
        raise LogoRefused(_("The file is larger than 2 MB. Save the logo smaller and upload it again."))
    try:
        with Image.open(file, formats=FORMATS) as image:
            _judge(image)
            return _drawn(image)
    except (Image.DecompressionBombError, Image.DecompressionBombWarning):
        raise LogoRefused(_too_large())
    except (OSError, SyntaxError, ValueError, TypeError, EOFError, KeyError, struct.error):
        raise LogoRefused(
            _(
                "This is no PNG, JPEG or WebP picture, or it is damaged. An SVG is not taken: export a PNG of it."
            )
        )


def _judge(image: Image.Image) -> None:
    """By the header, before anything is unpacked."""
    if max(image.size) > MOST_SIDE:
        raise LogoRefused(_too_large())
    if min(image.size) < LEAST_SIDE:
        text = _("The picture is %(width)s × %(height)s pixels. A logo needs %(least)s or more each way.")
        raise LogoRefused(text % {"width": image.width, "height": image.height, "least": LEAST_SIDE})
    if getattr(image, "n_frames", 1) > 1:
        raise LogoRefused(_("The picture moves. Upload one that stands still."))


def _too_large() -> str:
    return _("The picture has more than %(most)s pixels a side. Save the logo smaller.") % {"most": MOST_SIDE}


def _drawn(image: Image.Image) -> Picture:
    upright = ImageOps.exif_transpose(image)
    flat = upright.convert("RGBA")
    flat.thumbnail(BOX, Image.Resampling.LANCZOS)
    # A fresh canvas: a copy would carry the profile and the remarks of the file along.
    clean = Image.new("RGBA", flat.size)
    clean.paste(flat)
    if clean.getchannel("A").getextrema() == (255, 255):
        clean = clean.convert("RGB")
    written = io.BytesIO()
    clean.save(written, "PNG", optimize=True)
    return Picture(written.getvalue(), *clean.size)
