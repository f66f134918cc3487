"""What tests are made of. Everything goes through the product's own functions where there is one."""

from __future__ import annotations

from datetime import UTC, datetime
from itertools import count
from typing import Any

import factory

from engage.orgs.founding import found_org, ready_made, seat_member
from engage.orgs.models import Org, OrgSettings, OrgUnit, User
from engage.orgs.tenancy import org_context

NOW = datetime(2026, 11, 24, 10, 0, tzinfo=UTC)
PASSWORD = "correct horse battery staple"
_numbers = count(1)


class OrgFactory(factory.Factory[Org]):
    """An org with settings and roles; its context is not open."""

    class Meta:
        model = Org

    slug = factory.Sequence(lambda n: f"org-{n}")
    name = factory.LazyAttribute(lambda o: o.slug.title())
    at = NOW
    time_zone = "Asia/Kolkata"
    currency = "INR"
    number_format = "in"
    legal_name = factory.LazyAttribute(lambda o: f"{o.name} Private Limited")
    postal_address = "12 Test Road, Pune 411001"

    @classmethod
    def _create(cls, model_class: type[Org], *args: Any, **kwargs: Any) -> Org:
        return found_org(**kwargs)


def user(name: str = "", *, password: str | None = PASSWORD) -> User:
    """A person without any membership."""
    number = next(_numbers)
    label = name or f"Person {number}"
    return User.objects.create_user(
        f"{label.lower().replace(' ', '.')}.{number}@example.com", label, password
    )


def member(org: Org, *roles: str, units: list[OrgUnit] | None = None, name: str = "") -> User:
    """A person with the ready-made roles of these keys; `units` None is Org scope."""
    person = user(name or " ".join(roles).title())
    with org_context(org.pk):
        seat_member(org, person, roles=[ready_made(org, key) for key in roles], units=units, by=None, at=NOW)
    return person


def settings_of(org: Org, **changes: Any) -> OrgSettings:
    """The org's settings, changed without ceremony; its context must be open."""
    OrgSettings.objects.for_org(org).update(**changes)
    return OrgSettings.objects.for_org(org).get()
