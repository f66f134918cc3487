"""Cells that a spreadsheet would run as a formula, made harmless and given back unchanged (Q-21).

Every CSV that leaves Engage passes its cells through `harmless`, every CSV that comes in through `restored`, so that
`+919812345670` survives the round trip.
"""

from __future__ import annotations

import re
from typing import Final

# Plain and full-width forms of what begins a formula, and the two blanks that spreadsheets skip before one.
_DANGEROUS: Final = re.compile("[=+\\-@\t\r\uff1d\uff0b\uff0d\uff20\u2212]")
# An apostrophe tells a spreadsheet "this is text". Cells that already look so get one more.
_ESCAPED: Final = re.compile(f"'+(?={_DANGEROUS.pattern})")


def harmless(cell: str) -> str:
    """The cell as it may stand in a file that a spreadsheet opens."""
    if _DANGEROUS.match(cell) or _ESCAPED.match(cell):
        return f"'{cell}"
    return cell


def restored(cell: str) -> str:
    """The cell before `harmless`. Of others it changes only those that begin with `'=` or the like."""
    return cell[1:] if _ESCAPED.match(cell) else cell
