"""The custom attributes that an org declared (A-04), each a field of its type."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from django.utils.translation import gettext_lazy as _

from audiences.keys import folded
from audiences.models import Attribute
from audiences.segments import choices
from audiences.segments.registry import Field
from audiences.segments.sql import Fragment
from audiences.segments.values import Choice, Date, Kind, Number, Text

if TYPE_CHECKING:
    from audiences.segments.frame import Frame
    from audiences.segments.tree import Condition

PREFIX: Final = "attribute"
MILLIONTHS: Final = 1_000_000
YES_NO: Final = choices.fixed("yes_no", [("true", _("Yes")), ("false", _("No"))])

_COLUMNS: Final = {
    Attribute.Type.TEXT: "text_norm",
    Attribute.Type.NUMBER: "number",
    Attribute.Type.DATE: "day",
    Attribute.Type.DATETIME: "instant",
    Attribute.Type.YES_NO: "flag",
    Attribute.Type.CHOICE: "text_norm",
}
_VALUES: Final = """SELECT value.customer_id, value.{column} AS held FROM audiences_attributevalue value
WHERE value.org_id = %(org)s AND value.attribute_id = %(attribute)s{only value.customer_id}"""


def find(key: str, frame: Frame) -> Field | None:
    """The field of a declared attribute."""
    attribute = frame.attributes.get(key)
    return _field(attribute) if attribute else None


def every(frame: Frame) -> list[Field]:
    return [_field(attribute) for attribute in frame.attributes.values()]


def _field(attribute: Attribute) -> Field:
    return Field(
        f"{PREFIX}:{attribute.key}",
        attribute.label,
        "Attributes",
        _kind(attribute),
        lambda condition, frame: _compile(attribute, condition, frame),
    )


def _kind(attribute: Attribute) -> Kind:
    match attribute.type:
        case Attribute.Type.NUMBER:
            return Number(scale=MILLIONTHS, lowest=-(10**12), highest=10**12)
        case Attribute.Type.DATE:
            return Date("day")
        case Attribute.Type.DATETIME:
            return Date("instant")
        case Attribute.Type.YES_NO:
            return Choice(YES_NO)
        case Attribute.Type.CHOICE:
            options = [(str(option), str(option)) for option in attribute.choices]
            return Choice(choices.fixed(f"{PREFIX}:{attribute.key}", options))
        case _:
            return Text()


def _compile(attribute: Attribute, condition: Condition, frame: Frame) -> Fragment:
    kind = Attribute.Type(attribute.type)
    value = condition.value
    if value is not None and kind == Attribute.Type.YES_NO:
        value = [option == "true" for option in value]
    if value is not None and kind == Attribute.Type.CHOICE:
        value = [folded(option) for option in value]
    part = condition.field.kind.test("{c}.held", condition.operator, value, frame)
    join = _VALUES.replace("{column}", _COLUMNS[kind])
    return Fragment(part.sql, {**part.params, "attribute": attribute.pk}, join)
