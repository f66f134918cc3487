"""What an inbound text asks for (H-38)."""

from __future__ import annotations

import unicodedata
from collections.abc import Collection
from enum import StrEnum

OUT = frozenset({"stop", "stopall", "unsubscribe", "cancel", "end", "quit"})
IN = frozenset({"start", "unstop", "subscribe"})
HELP = frozenset({"help"})


class Asked(StrEnum):
    OUT = "opt_out"
    IN = "opt_in"
    HELP = "help"
    NOTHING = "replied"


def asked(
    text: str, *, own_out: Collection[str] = (), own_in: Collection[str] = (), own_help: Collection[str] = ()
) -> Asked:
    """A word counts only if it is the whole message, whatever its case, outer spaces and punctuation.

    `own_*` are the Org's further words, in any language. Of a word that means several things, opting out
    wins.
    """
    said = bare(text)
    if not said:
        return Asked.NOTHING
    if said in OUT or said in map(bare, own_out):
        return Asked.OUT
    if said in IN or said in map(bare, own_in):
        return Asked.IN
    if said in HELP or said in map(bare, own_help):
        return Asked.HELP
    return Asked.NOTHING


def bare(text: str) -> str:
    """`text` as it is compared."""
    folded = unicodedata.normalize("NFKC", text).casefold()
    begin, end = 0, len(folded)
    while begin < end and not _said(folded[begin]):
        begin += 1
    while end > begin and not _said(folded[end - 1]):
        end -= 1
    return folded[begin:end]


def _said(character: str) -> bool:
    """Letters, marks and digits say something; spaces, punctuation, symbols and controls do not."""
    return unicodedata.category(character)[0] in "LMN"
