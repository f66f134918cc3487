"""Pictures as people upload them, and some that they should not."""

from __future__ import annotations

import io

from PIL import Image


def picture(
    kind: str = "PNG",
    size: tuple[int, int] = (300, 100),
    mode: str = "RGB",
    colour: str | tuple[int, ...] = "#1f5c99",
) -> bytes:
    written = io.BytesIO()
    Image.new(mode, size, colour).save(written, kind)
    return written.getvalue()


def moving(kind: str) -> bytes:
    written = io.BytesIO()
    frames = [Image.new("RGB", (64, 64), colour) for colour in ("red", "blue")]
    frames[0].save(written, kind, save_all=True, append_images=frames[1:])
    return written.getvalue()


def opened(content: bytes) -> Image.Image:
    image = Image.open(io.BytesIO(content))
    image.load()
    return image
