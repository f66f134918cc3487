"""A stored world and how to ask it."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any

import pytest
from django.db import connection

from audiences.segments import compiler, tree
from audiences.segments.frame import Frame
from engage.orgs.models import Org, OrgSettings
from tests.factories import NOW

Find = Callable[..., set[int]]


@pytest.fixture
def find(inside: Org) -> Find:
    """`find(data, at=…)`: the numbers of the customers in a stored tree."""

    def run(data: dict[str, Any], at: datetime = NOW, only: str = "") -> set[int]:
        frame = Frame(inside, OrgSettings.objects.for_org(inside).get(), at)
        query = compiler.customers(tree.parse(data, frame), frame, only=only)
        with connection.cursor() as cursor:
            cursor.execute(query.sql, query.params)
            rows = [row[0] for row in cursor.fetchall()]
        assert len(rows) == len(set(rows))
        return set(rows)

    return run
