"""An uploaded picture is judged by what it is and drawn anew."""

from __future__ import annotations

import io
import warnings
import zlib

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image, PngImagePlugin

from engage.orgs import logos
from engage.orgs.logos import LogoRefused
from tests.orgs.pictures import moving, opened, picture

SVG = b'<svg xmlns="http://www.w3.org/2000/svg" width="99" height="99"><script>alert(1)</script></svg>'


def drawn(content: bytes) -> logos.Picture:
    return logos.draw(io.BytesIO(content), len(content))


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "WEBP"])
def test_the_picture_is_drawn_anew_as_a_png_that_fits(kind: str) -> None:
    """T-24"""
    made = drawn(picture(kind, (1200, 300)))
    image = opened(made.content)
    assert (image.format, image.size, (made.width, made.height)) == ("PNG", (480, 120), (480, 120))
    assert len(made.digest) == 32


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "RGB", "RGBA", "CMYK"])
def test_every_kind_of_pixel_is_understood(mode: str) -> None:
    """T-24"""
    cmyk = mode == "CMYK"  # where white is no ink at all
    made = drawn(picture("JPEG" if cmyk else "PNG", (60, 40), mode, (0, 0, 0, 0) if cmyk else "white"))
    assert opened(made.content).convert("RGB").getpixel((5, 5)) == (255, 255, 255)


def test_what_is_transparent_stays_so() -> None:
    """T-24"""
    made = drawn(picture(mode="RGBA", colour="#1f5c9900"))
    assert opened(made.content).getextrema()[3] == (0, 0)  # type: ignore[index]


def test_nothing_of_the_file_but_its_pixels_is_kept() -> None:
    """T-24: no remarks, places, profiles, nor a file hidden behind the picture"""
    info = PngImagePlugin.PngInfo()
    info.add_text("Comment", "canary")
    exif = Image.Exif()
    exif[0x010E] = "canary"
    written = io.BytesIO()
    Image.new("RGB", (80, 80)).save(written, "PNG", pnginfo=info, exif=exif, icc_profile=b"canary" * 30)
    made = drawn(written.getvalue() + b"<script>canary</script>")
    assert b"canary" not in made.content
    assert opened(made.content).info == {}


def test_a_picture_taken_sideways_stands_upright() -> None:
    """T-24"""
    exif = Image.Exif()
    exif[0x0112] = 6
    written = io.BytesIO()
    Image.new("RGB", (90, 30)).save(written, "JPEG", exif=exif)
    assert opened(drawn(written.getvalue()).content).size == (30, 90)


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"", "no PNG, JPEG or WebP"),
        (b"GIF89a pretends", "no PNG, JPEG or WebP"),
        (SVG, "An SVG is not taken"),
        (picture("GIF"), "no PNG, JPEG or WebP"),
        (picture("BMP"), "no PNG, JPEG or WebP"),
        (picture("TIFF"), "no PNG, JPEG or WebP"),
        (picture()[:60], "damaged"),
        (picture(size=(23, 200)), "24 or more"),
        (picture(size=(3001, 30)), "3000 pixels a side"),
        (moving("PNG"), "moves"),
        (moving("WEBP"), "moves"),
    ],
)
def test_what_is_no_logo_is_refused_with_what_to_do(content: bytes, says: str) -> None:
    """T-24, Q-31"""
    with pytest.raises(LogoRefused, match=says):
        drawn(content)


def test_a_large_file_is_refused_before_it_is_read() -> None:
    """T-24"""
    with pytest.raises(LogoRefused, match="2 MB"):
        logos.draw(io.BytesIO(b""), logos.MOST_BYTES + 1)


@pytest.mark.parametrize("side", [9_500, 20_000])
def test_a_picture_that_unpacks_to_gigabytes_is_refused_by_its_header(side: int) -> None:
    """T-24, Q-20"""
    bomb = bytearray(picture(size=(64, 64)))
    bomb[16:24] = side.to_bytes(4, "big") * 2
    crc = zlib.crc32(bytes(bomb[12:29]))
    bomb[29:33] = crc.to_bytes(4, "big")
    with pytest.raises(LogoRefused, match="3000 pixels"):
        drawn(bytes(bomb))


@given(kind=st.sampled_from(["PNG", "JPEG", "WEBP"]), data=st.data())
def test_a_damaged_file_is_refused_and_breaks_nothing(kind: str, data: st.DataObject) -> None:
    """T-24, Q-20"""
    content = bytearray(picture(kind, (40, 30)))
    for _ in range(data.draw(st.integers(1, 6))):
        content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
    cut = data.draw(st.integers(1, len(content)))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            made = drawn(bytes(content[:cut]))
        except LogoRefused:
            return
    assert opened(made.content).format == "PNG"
