"""Being in another audience, at the version that the filter names."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from django.utils.translation import gettext_lazy as _

from audiences.segments import compiler, sources
from audiences.segments.registry import Field
from audiences.segments.sql import Fragment
from audiences.segments.tree import AUDIENCE
from audiences.segments.values import Choice, Operator

if TYPE_CHECKING:
    from audiences.segments.frame import Frame
    from audiences.segments.tree import Condition


def _compile(condition: Condition, frame: Frame) -> Fragment:
    found = compiler.members(condition.value, frame)
    missing = "NOT " if condition.operator.key == "any_of" else ""
    return Fragment(f"{{c}}.customer_id IS {missing}NULL", found.params, found.sql)


_MEMBERSHIP: Final = Choice(
    sources.AUDIENCES,
    said=(_("is in"), _("is not in")),
    own_operators=(
        Operator("any_of", _("is in any of"), "many"),
        Operator("none_of", _("is in none of"), "many"),
    ),
)
FIELDS: Final = (
    Field(
        AUDIENCE, _("Audience"), "Audiences", _MEMBERSHIP, _compile, missing=False, phrase=_("the customer")
    ),
)
