"""The ground floor's tables: tenants, people, rights, audit, keys, and the queues of record."""

from engage.orgs.models.audit import AuditEntry, AuditHead
from engage.orgs.models.brand import Brand, LandingText
from engage.orgs.models.keys import ApiKey, TokenOrg
from engage.orgs.models.org import Org, OrgSettings, OrgUnit
from engage.orgs.models.people import Invitation, Member, MemberRole, MemberUnit, Role, Seat, User
from engage.orgs.models.work import DueWork, Fence, Job, Notice

__all__ = [
    "ApiKey",
    "AuditEntry",
    "AuditHead",
    "Brand",
    "DueWork",
    "Fence",
    "Invitation",
    "Job",
    "LandingText",
    "Member",
    "MemberRole",
    "MemberUnit",
    "Notice",
    "Org",
    "OrgSettings",
    "OrgUnit",
    "Role",
    "Seat",
    "TokenOrg",
    "User",
]
