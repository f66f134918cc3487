"""People, what they may do, and where: users, members, roles, invitations."""

from __future__ import annotations

from typing import ClassVar

from django.contrib.auth.base_user import AbstractBaseUser, BaseUserManager
from django.contrib.auth.models import PermissionsMixin
from django.contrib.postgres.fields import ArrayField
from django.db import models

from engage.orgs.fields import TenantForeignKey
from engage.orgs.tenancy import Owned, OwnedQuerySet


class UserManager(BaseUserManager["User"]):
    def by_email(self, email: str) -> User | None:
        return self.filter(email=normal_email(email)).first()

    def create_user(self, email: str, name: str = "", password: str | None = None) -> User:
        user = self.model(email=normal_email(email), name=name)
        user.set_password(password)
        user.save(using=self._db)
        return user


def normal_email(email: str) -> str:
    """Sign-in addresses are compared in lower case throughout."""
    return email.strip().lower()


class User(AbstractBaseUser, PermissionsMixin):
    """A person who signs in; what they may do in an org is their `Member` there (T-07)."""

    email = models.EmailField(unique=True)
    name = models.CharField(max_length=100, blank=True)
    time_zone = models.CharField(max_length=60, blank=True)
    is_active = models.BooleanField(default=True)
    created_at = models.DateTimeField(auto_now_add=True)

    USERNAME_FIELD = "email"
    EMAIL_FIELD = "email"
    REQUIRED_FIELDS: ClassVar[list[str]] = []

    objects = UserManager()

    def __str__(self) -> str:
        return self.name or self.email

    @property
    def initials(self) -> str:
        words = (self.name or self.email).replace("@", " ").split()
        return "".join(word[0] for word in words[:2]).upper()


class Seat(models.Model):
    """That a user has a seat in an org: only what the switcher needs before any context is open."""

    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="seats")
    org = models.ForeignKey(
        "orgs.Org", on_delete=models.CASCADE, related_name="seats", related_query_name="seat"
    )

    class Meta:
        constraints = [models.UniqueConstraint(fields=["user", "org"], name="one_seat_a_user_and_org")]

    def __str__(self) -> str:
        return f"user {self.user_id} in org {self.org_id}"


class Role(Owned):
    """A named set of rights (T-14). Ready-made ones cannot be edited, only copied."""

    name = models.CharField(max_length=60)
    key = models.SlugField(max_length=40, blank=True, help_text="Of a ready-made role")
    rights = ArrayField(models.CharField(max_length=40))
    ready_made = models.BooleanField(default=False)

    objects = OwnedQuerySet["Role"].as_manager()

    class Meta:
        ordering = ["-ready_made", "name"]
        constraints = [models.UniqueConstraint(fields=["org", "name"], name="role_name_once_in_org")]

    def __str__(self) -> str:
        return self.name


class Scope(models.TextChoices):
    """Where a member acts (T-08)."""

    ORG = "org", "The whole organisation"
    UNITS = "units", "Several units"
    UNIT = "unit", "One unit"


class Member(Owned):
    """A person's access to one org: roles, and exactly one scope."""

    class Status(models.TextChoices):
        ACTIVE = "active", "Active"
        SUSPENDED = "suspended", "Suspended"
        REMOVED = "removed", "Removed"

    user = models.ForeignKey(User, on_delete=models.PROTECT, related_name="+")
    status = models.CharField(max_length=10, choices=Status, default=Status.ACTIVE)
    scope = models.CharField(max_length=5, choices=Scope, default=Scope.ORG)
    created_at = models.DateTimeField()

    objects = OwnedQuerySet["Member"].as_manager()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["org", "user"], name="one_member_a_user_and_org")]

    def __str__(self) -> str:
        return f"member {self.pk}"


class MemberRole(Owned):
    member = TenantForeignKey(Member, on_delete=models.CASCADE, related_name="roles")
    role = TenantForeignKey(Role, on_delete=models.PROTECT)

    objects = OwnedQuerySet["MemberRole"].as_manager()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["org", "member", "role"], name="member_has_role_once")]

    def __str__(self) -> str:
        return f"member {self.member_id} as role {self.role_id}"


class MemberUnit(Owned):
    member = TenantForeignKey(Member, on_delete=models.CASCADE, related_name="units")
    unit = TenantForeignKey("orgs.OrgUnit", on_delete=models.PROTECT)

    objects = OwnedQuerySet["MemberUnit"].as_manager()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["org", "member", "unit"], name="member_has_unit_once")]

    def __str__(self) -> str:
        return f"member {self.member_id} in unit {self.unit_id}"


class Invitation(Owned):
    """An offer of access to one address, once, for 7 days (T-17). The token itself is only in the mail."""

    email = models.EmailField()
    scope = models.CharField(max_length=5, choices=Scope, default=Scope.ORG)
    role_ids = ArrayField(models.BigIntegerField())
    unit_ids = ArrayField(models.BigIntegerField(), default=list, blank=True)
    token_hash = models.CharField(max_length=64)
    invited_by = models.ForeignKey(User, on_delete=models.PROTECT, related_name="+")
    created_at = models.DateTimeField()
    expires_at = models.DateTimeField()
    accepted_at = models.DateTimeField(null=True, blank=True)
    revoked_at = models.DateTimeField(null=True, blank=True)

    objects = OwnedQuerySet["Invitation"].as_manager()

    class Meta:
        ordering = ["-created_at"]

    def __str__(self) -> str:
        return f"invitation {self.pk}"
