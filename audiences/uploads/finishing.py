"""The end of a list's job: its members become a version of a list, or are taken back."""

from __future__ import annotations

import hashlib
from datetime import datetime
from typing import Final, cast

from django.db import connection
from django.utils.translation import gettext as _

from audiences import lists
from audiences.intake.staging import execute
from audiences.models import Audience, AudienceVersion, ListMember
from audiences.uploads.columns import Meaning, tag_key
from engage.orgs import audit
from engage.orgs.jobs import JobFailed, LostJob
from engage.orgs.models import Job, OrgUnit, User
from engage.orgs.tenancy import org_context

# Of a customer who was in the list already, tags that the file gives win and the others stay.
_MERGE: Final = """
INSERT INTO audiences_listmember (org_id, customer_id, version_id, tags)
SELECT %(org)s, former.customer_id, %(version)s, ARRAY(
    SELECT CASE WHEN added.customer_id IS NOT NULL AND place = ANY(%(given)s) THEN added.tags[place]
                ELSE coalesce(former.tags[place], '') END
    FROM generate_series(1, %(tags)s) AS place ORDER BY place
)
FROM audiences_listmember former
LEFT JOIN audiences_listmember added
  ON added.org_id = %(org)s AND added.version_id = %(version)s AND added.customer_id = former.customer_id
WHERE former.org_id = %(org)s AND former.version_id = %(onto)s
ON CONFLICT (org_id, customer_id, version_id) DO UPDATE SET tags = excluded.tags
"""
_MEMBERS: Final = """
COPY (
    SELECT customer_id, tags FROM audiences_listmember
    WHERE org_id = %(org)s AND version_id = %(version)s ORDER BY customer_id
) TO STDOUT
"""


def finish(job: Job, *, at: datetime) -> AudienceVersion:
    """Make the version, and the list where it is new. Raises `JobFailed` where nothing can be made (A-23)."""
    asked, counts = job.parameters, job.counts
    if not counts.get("accepted"):
        raise JobFailed(_("No row was accepted, so there is no list. The rejected rows say why."))
    with org_context(job.org_id):
        locked = Job.objects.for_org(job.org_id).select_for_update().get(pk=job.pk)
        if "made" in locked.parameters:
            raise LostJob
        by = cast("User", job.created_by)  # `making.start` writes nobody else's
        audience = _audience(job, by=by, at=at)
        if asked["onto"] is not None:
            _merge(job)
        digest, size = _digest(job.org_id, asked["version"])
        version = lists.add_version(
            audience,
            by=by,
            at=at,
            id=asked["version"],
            tags=asked["tags"],
            digest=digest,
            size=size,
            usable=2 * counts["rejected"] <= job.done,
            job=job,
        )
        _record(audience, version, job, by=by, at=at)
        asked["made"] = True
        Job.objects.for_org(job.org_id).filter(pk=job.pk).update(parameters=asked)
    return version


def undo(job: Job) -> None:
    """Take back what a job wrote that made no list."""
    with org_context(job.org_id):
        ListMember.objects.for_org(job.org_id).filter(version_id=job.parameters["version"]).delete()


def unit_of(job: Job) -> OrgUnit | None:
    """The unit that owns the list; None for the org's. Raises `JobFailed` when it is gone."""
    pk = job.parameters["unit"]
    if pk is None:
        return None
    unit: OrgUnit | None = OrgUnit.objects.for_org(job.org_id).filter(pk=pk).first()
    if unit is None:
        raise JobFailed(_("The unit that the list was for is no longer there."))
    return unit


def _audience(job: Job, *, by: User, at: datetime) -> Audience:
    """The new list, or the one to add to, locked."""
    asked = job.parameters
    if asked["audience"] is None:
        return lists.new_upload(job.org, name=asked["name"], unit=unit_of(job), by=by, at=at)
    rows = Audience.objects.for_org(job.org_id).filter(pk=asked["audience"])
    audience: Audience | None = rows.select_for_update().first()
    if audience is None or audience.archived_at is not None:
        raise JobFailed(_("The list was deleted or archived while the file was read."))
    if audience.current_id != asked["onto"]:
        raise JobFailed(_("Somebody else added to the list while the file was read. Upload it again."))
    return audience


def _merge(job: Job) -> None:
    """Who is in the list already comes along, set-based (A-24)."""
    asked = job.parameters
    given = {tag_key(tag) for _heading, meaning, tag in asked["columns"] if meaning == Meaning.TAG}
    places = [place for place, name in enumerate(asked["tags"], 1) if tag_key(name) in given]
    facts = {"version": asked["version"], "onto": asked["onto"], "tags": len(asked["tags"])}
    execute(_MERGE, org=job.org_id, given=places, **facts)


def _record(audience: Audience, version: AudienceVersion, job: Job, *, by: User, at: datetime) -> None:
    action = "audience.created" if version.number == 1 else "audience.extended"
    after = {
        "name": audience.name,
        "version": version.number,
        "digest": version.digest,
        "size": version.size,
        "file": job.parameters["filename"],
    }
    audit.record(job.org_id, action, by=by, at=at, target=audience, after=after)


class _Digest:
    """Takes what a COPY writes; counts its lines."""

    def __init__(self) -> None:
        self.hash = hashlib.sha256()
        self.lines = 0

    def write(self, data: bytes) -> int:
        self.hash.update(data)
        self.lines += data.count(b"\n")
        return len(data)


def _digest(org_id: int, version_id: int) -> tuple[str, int]:
    """What identifies the members with their tags, and how many they are; streamed, whatever the size."""
    found = _Digest()
    with connection.cursor() as cursor:
        sql = cursor.mogrify(_MEMBERS, {"org": org_id, "version": version_id})
        cursor.copy_expert(sql, found)
    return found.hash.hexdigest(), found.lines
