"""The data's clipped capitals as words that a person would print."""

from __future__ import annotations

import re
from typing import Final

_WHOLE: Final = {
    "ADULT": "Adult", "BKD": "Baked", "BN": "Beans", "BTR": "Butter", "CNTRL": "Central", "CONT": "Contributions",
    "DISPOSABLES": "Disposables", "DNR": "Dinner", "DRNKS": "Drinks", "DRSNG": "Dressing", "DRUG": "Drug",
    "DSH": "Dishes", "ELECT": "Electrical", "EXP": "Expenses", "FACIAL": "Facial", "FD": "Food", "FRZN": "Frozen",
    "GM": "Store", "HBC": "Care", "MISC": "Other", "MISC.": "Other", "PCKGD": "Packaged", "PNT": "Peanut",
    "PROD": "Products", "REFRGRATD": "Refrigerated", "SALD": "Salad", "SHERBTS": "Sherbet", "SNDWCH": "Sandwich",
    "SPLY": "Supplies", "SPRD": "Spread", "SUP": "Supplies", "SWEETNERS": "Sweeteners", "TISS": "Tissues",
    "VEG": "Vegetables", "WHS": "Warehouse",
}  # fmt: skip
_WORD: Final = re.compile(r"[A-Za-z.']+")


def spelled(text: str) -> str:
    """`FRZN MEAT/MEAT DINNERS` → `Frozen Meat/Meat Dinners`; no `>`, which parts the levels of a category."""
    words = _WORD.sub(lambda word: _WHOLE.get(word[0].upper(), word[0].capitalize()), text)
    return " ".join(words.replace(">", " ").split())
