"""One colour of an org, made readable on light and on dark ground (WCAG 2.2, 1.4.3 and 1.4.11)."""

from __future__ import annotations

import hashlib
import re
from typing import Final

TEXT_CONTRAST: Final = 4.5
WHITE: Final = "#ffffff"
BLACK: Final = "#000000"
# The worst ground of a page in either theme (static/css/tokens.css): the darkest light one, the lightest dark one.
LIGHT_GROUND: Final = "#f2f3f6"
DARK_GROUND: Final = "#26282f"
_STEPS: Final = 20
_HEX: Final = re.compile(r"#?([0-9a-f]{3}|[0-9a-f]{6})", re.ASCII)


def normal(text: str) -> str | None:
    """`#1f5c99` of `1F5C99`, `#aabbcc` of `#abc`; None for what is no colour."""
    found = _HEX.fullmatch(text.strip().lower())
    if found is None:
        return None
    digits = found[1]
    return "#" + (digits if len(digits) == 6 else "".join(2 * digit for digit in digits))


def contrast(one: str, other: str) -> float:
    """From 1 to 21, as WCAG defines it."""
    dark, light = sorted((_luminance(one), _luminance(other)))
    return (light + 0.05) / (dark + 0.05)


def ink(ground: str) -> str:
    """White or black, whichever reads better; one of them always has 4.5:1."""
    return max((WHITE, BLACK), key=lambda text: contrast(text, ground))


def readable(colour: str, ground: str) -> str:
    """The colour itself where it can be read on this ground, else moved away from the ground until it can."""
    towards = ink(ground)
    for step in range(_STEPS):
        moved = _mix(colour, towards, step / _STEPS)
        if contrast(moved, ground) >= TEXT_CONTRAST:
            return moved
    return towards


def stylesheet(colour: str) -> str:
    """What turns the kit's own colour into this one. Buttons keep it as it is; lines and links stay readable."""
    light, dark = readable(colour, LIGHT_GROUND), readable(colour, DARK_GROUND)
    return (
        "@layer tokens {\n  :root {\n"
        f"    --brand: light-dark({light}, {dark});\n"
        f"    --brand-ink: light-dark({ink(light)}, {ink(dark)});\n"
        f"    --accent: {colour};\n"
        f"    --accent-ink: {ink(colour)};\n"
        "  }\n}\n"
    )


def digest(colour: str) -> str:
    """Of the stylesheet: another version of ours gets another address."""
    return hashlib.sha256(stylesheet(colour).encode()).hexdigest()[:12]


def _channels(colour: str) -> tuple[int, int, int]:
    return int(colour[1:3], 16), int(colour[3:5], 16), int(colour[5:7], 16)


def _luminance(colour: str) -> float:
    red, green, blue = (
        part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4
        for part in (channel / 255 for channel in _channels(colour))
    )
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def _mix(one: str, other: str, share: float) -> str:
    mixed = (round(a + (b - a) * share) for a, b in zip(_channels(one), _channels(other), strict=True))
    return "#" + "".join(f"{channel:02x}" for channel in mixed)
