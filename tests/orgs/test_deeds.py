"""The audit trail in words."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

from campaigns.lifecycle import Action
from channels.models import Sender
from engage.orgs import deeds
from engage.orgs.models import Member

APPS = ("engage", "audiences", "channels", "campaigns", "conversions", "reporting")
WRITERS = {"record", "_record", "_put", "keep"}


def _written() -> Iterator[str]:
    """Every action that the code names where it writes the trail."""
    for app in APPS:
        for path in Path(app).rglob("*.py"):
            for node in ast.walk(ast.parse(path.read_text())):
                if isinstance(node, ast.Call) and _name(node) in WRITERS:
                    for part in ast.walk(node):
                        if isinstance(part, ast.Constant) and re.fullmatch(
                            r"[a-z_]+\.[a-z_]+", str(part.value)
                        ):
                            yield str(part.value)


def _name(call: ast.Call) -> str:
    return getattr(call.func, "attr", "") or getattr(call.func, "id", "")


def test_every_action_of_the_trail_has_words() -> None:
    """T-31, T-33"""
    made = {f"message.{action.value}" for action in Action}
    made |= {f"sender.{status.value}" for status in Sender.Status}
    made |= {f"member.{status.value}" for status in Member.Status}
    assert (made | set(_written())) - set(deeds.DEEDS) == set()


def test_a_change_is_told_before_and_after_without_codes() -> None:
    """T-33"""
    told = deeds.changes(
        {"control_permille": 100, "own_control": False, "objective": ""},
        {"control_permille": 125, "own_control": True, "objective": "win_back", "digest": "ab12"},
    )
    assert [(one.label, one.before, one.after) for one in told] == [
        ("Control share", "10 %", "12.5 %"),
        ("Control share of its own", "no", "yes"),
        ("Objective", "—", "win back"),
    ]
    assert deeds.in_words("failure_rate") == "failure rate"
    assert deeds.in_words("The price is wrong.") == "The price is wrong."
