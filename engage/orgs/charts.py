"""Charts drawn on the server as SVG: no script, no inline style, readable in print and in the dark.

Colours come from classes (`static/css/numbers.css`), so the strict page policy holds. Every chart carries its
numbers as rows: `<c-chart :chart="chart">` shows them as a table under the picture (Q-29).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Final, NamedTuple

from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString, mark_safe

from engage.orgs import formatting

Write = Callable[[float | None], str]

_NOTHING: Final = mark_safe("")  # noqa: S308 - empty
