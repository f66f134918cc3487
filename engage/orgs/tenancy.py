"""The walls between tenants: the database context, the queryset that every tenant read begins with.

PostgreSQL holds the second lock: each tenant table has a forced policy on `app.org_id`, and a query
outside any context raises instead of finding nothing (an empty suppression list would mean "send to everyone").
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Self, TypeVar

from django.db import connection, models, transaction

if TYPE_CHECKING:
    from engage.orgs.access import Access
    from engage.orgs.models import Org

M = TypeVar("M", bound=models.Model, covariant=True)

# Tables without a policy: what must be read before the org is known (decisions 13). The only list of them;
# a test compares it with the catalogue.
WITHOUT_POLICY = frozenset(
    {
        "auth_group",
        "auth_group_permissions",
        "auth_permission",
        "campaigns_shortlink",
        "campaigns_trackingdomain",
        "django_content_type",
        "django_migrations",
        "django_session",
        "guardian_groupobjectpermission",
        "guardian_userobjectpermission",
        "orgs_duework",
        "orgs_fence",
        "orgs_org",
        "orgs_seat",
        "orgs_tokenorg",
        "orgs_user",
        "orgs_user_groups",
        "orgs_user_user_permissions",
        "otp_static_staticdevice",
        "otp_static_statictoken",
        "otp_totp_totpdevice",
    }
)


class WrongOrg(Exception):
    """A context of one org was opened inside another's: a defect, never a user's mistake."""


def _bind(org_id: int | None) -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT set_config('app.org_id', %s, true)", ["" if org_id is None else str(org_id)])


def bound_org() -> int | None:
    """The org whose context is open on this connection, None outside any."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT current_setting('app.org_id', true)")
        value = cursor.fetchone()[0]
    return int(value) if value else None


@contextmanager
def org_context(org_id: int) -> Iterator[None]:
    """Open a transaction that can see and write the rows of one org only.

    Safe to nest for the same org; another org inside raises `WrongOrg`. The former value is restored on leaving,
    because `set_config(…, true)` outlives a released savepoint.
    """
    with transaction.atomic():
        former = bound_org()
        if former not in (None, org_id):
            raise WrongOrg(f"org {org_id} was opened inside org {former}")
        _bind(org_id)
        yield
        _bind(former)


def org_pk(org: Org | int) -> int:
    """The id of an org given as a row or as an id."""
    return org if isinstance(org, int) else org.pk


class OwnedQuerySet(models.QuerySet[M]):
    """Reads of tenant rows start here: `Campaign.objects.for_org(org)`."""

    def for_org(self, org: Org | int) -> Self:
        return self.filter(org_id=org_pk(org))


class UnitOwnedQuerySet(OwnedQuerySet[M]):
    """Rows owned by the org (`unit` is None) or by one of its units."""

    def visible_to(self, access: Access) -> Self:
        """Only what a member's scope covers (T-08): an outside row answers as if it never existed (T-11)."""
        if access.whole_org:
            return self
        return self.filter(unit_id__in=access.unit_ids)


class Owned(models.Model):
    """A small tenant table: bigint id, `(org_id, id)` unique, real composite foreign keys (decisions 1).

    Each model names its own manager: `objects = OwnedQuerySet["Campaign"].as_manager()`.
    """

    org = models.ForeignKey("orgs.Org", on_delete=models.CASCADE, related_name="+")

    class Meta:
        abstract = True
