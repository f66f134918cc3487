"""Saved audiences: making, versioning, counting and putting them away (A-43 to A-46).

A version never changes once written. Messages pin versions; whoever edits an audience leaves what was approved alone.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final

from django.db import transaction
from django.db.models import Max
from django.utils.translation import gettext as _

from audiences import reach, usage
from audiences.models import Audience, AudienceVersion, ListMember
from audiences.segments import sentence, tree
from audiences.segments.check import check
from audiences.segments.frame import Frame
from audiences.segments.tree import Tree
from engage.orgs import audit
from engage.orgs.access import Access
from engage.orgs.models import Org, OrgSettings, OrgUnit, User

LONGEST_NAME: Final = 100


class ListRefused(Exception):
    """The audience may not be made or changed so; the text is fit for the user."""


class Stale(ListRefused):
    """Somebody saved a newer version since this one was opened."""


@transaction.atomic
def create_filter(
    access: Access,
    settings: OrgSettings,
    *,
    name: str,
    unit: OrgUnit | None,
    data: Mapping[str, Any],
    at: datetime,
) -> Audience:
    """Save a filter of the org or of one unit. Raises `TreeRefused` for the tree, `ListRefused` for the rest."""
    read = read_filter(access, settings, data, unit=unit, at=at)
    audience = _new(access.org, Audience.Kind.FILTER, name, unit, by=access.user, at=at)
    stored = tree.dump(read)
    version = add_version(audience, by=access.user, at=at, tree=stored, digest=tree.digest(stored))
    _record(audience, "audience.created", version, by=access.user, at=at)
    return audience


@transaction.atomic
def revise_filter(
    access: Access,
    settings: OrgSettings,
    audience: Audience,
    *,
    name: str,
    data: Mapping[str, Any],
    seen: int,
    at: datetime,
) -> Audience:
    """Save a filter's new tree as a new version, or its new name, or both (A-43).

    `seen` is the revision that was opened: a newer one is refused with `Stale`. The same tree makes no version.
    """
    audience = _locked(audience)
    if audience.revision != seen:
        raise Stale(_("Somebody else saved this audience after you opened it. Look at both before you save."))
    before = {"name": audience.name}
    audience.name = _name(name)
    stored = tree.dump(read_filter(access, settings, data, unit=audience.unit, at=at))
    version = audience.current
    if version is None or tree.digest(stored) != version.digest:
        version = add_version(audience, by=access.user, at=at, tree=stored, digest=tree.digest(stored))
    audience.revision += 1
    audience.updated_at = at
    audience.save(update_fields=["name", "revision", "updated_at"])
    _record(audience, "audience.edited", version, by=access.user, at=at, before=before)
    return audience


@transaction.atomic
def duplicate(
    access: Access, settings: OrgSettings, audience: Audience, *, name: str, at: datetime
) -> Audience:
    """A filter with the same tree and owner under another name. Asked again for the same copy, it answers with it."""
    audience = _locked(audience)
    if audience.current is None or audience.current.tree is None:
        raise ListRefused(_("Only filters can be duplicated."))
    name = _name(name)
    mine = Audience.objects.for_org(access.org).filter(
        unit=audience.unit_id, created_by=access.user, name=name
    )
    made: Audience | None = (
        mine.filter(current__digest=audience.current.digest).exclude(pk=audience.pk).first()
    )
    return made or create_filter(
        access, settings, name=name, unit=audience.unit, data=audience.current.tree, at=at
    )


def copy_name(audience: Audience) -> str:
    """What a copy is called at first: the first name that no audience of the owner has."""
    taken = set(
        Audience.objects.for_org(audience.org_id)
        .filter(unit=audience.unit_id, name__startswith=audience.name[: LONGEST_NAME - 20])
        .values_list("name", flat=True)
    )
    names = (_copied(audience.name, number) for number in range(1, len(taken) + 2))
    return next(name for name in names if name not in taken)


def _copied(name: str, number: int) -> str:
    ending = _(" (copy)") if number == 1 else _(" (copy %(number)s)") % {"number": number}
    return name[: LONGEST_NAME - len(ending)] + ending


def read_filter(
    access: Access, settings: OrgSettings, data: Mapping[str, Any], *, unit: OrgUnit | None, at: datetime
) -> Tree:
    """A tree that this person may save for this owner. A unit's filter starts from the unit's own customers (T-05)."""
    frame = Frame(access.org, settings, at, access)
    read = tree.parse(data, frame)
    if unit is not None and read.base.unit != unit.code:
        text = _("A filter of %(unit)s starts from its own customers.") % {"unit": unit.name}
        raise tree.TreeRefused([tree.Problem("base.unit", text)])
    check(read, frame)
    return read


def new_upload(org: Org, *, name: str, unit: OrgUnit | None, by: User, at: datetime) -> Audience:
    """An empty list that a file will fill; it has no version until then."""
    return _new(org, Audience.Kind.UPLOAD, name, unit, by=by, at=at)


def add_version(audience: Audience, *, by: User, at: datetime, **facts: Any) -> AudienceVersion:
    """Write the next version and make it the current one."""
    versions = AudienceVersion.objects.for_org(audience.org_id).filter(audience=audience)
    last = versions.aggregate(last=Max("number"))["last"] or 0
    version = AudienceVersion.objects.create(
        org_id=audience.org_id,
        audience=audience,
        number=max(last, 0) + 1,
        created_by=by,
        created_at=at,
        **facts,
    )
    audience.current = version
    audience.updated_at = at
    audience.save(update_fields=["current", "updated_at"])
    return version


def said(version: AudienceVersion, frame: Frame) -> str:
    """A filter as a sentence (A-32); what an uploaded list is."""
    if version.tree is None:
        return _("A list from a file.")
    try:
        return sentence.say(tree.parse(version.tree, frame), frame)
    except tree.TreeRefused:
        return _("This filter asks for something that is not there any more.")


@transaction.atomic
def count(version: AudienceVersion, settings: OrgSettings, *, at: datetime) -> int:
    """The exact number of customers now and how they can be reached, kept with the time (A-36, A-46)."""
    measured = reach.measure(version, settings, at=at)
    version.size, version.reach, version.counted_at = measured.size, measured.states, at
    version.save(update_fields=["size", "reach", "counted_at"])
    return measured.size


@transaction.atomic
def use_anyway(audience: Audience, *, by: User, at: datetime) -> AudienceVersion:
    """Allow a list of whose rows over half were rejected (A-23)."""
    audience = _locked(audience)
    version: AudienceVersion | None = audience.current
    if version is None:
        raise ListRefused(_("It is still being read."))
    version.usable = True
    version.save(update_fields=["usable"])
    _record(audience, "audience.used_anyway", version, by=by, at=at)
    return version


@transaction.atomic
def archive(audience: Audience, *, by: User, at: datetime) -> Audience:
    """Put it away; refused while somebody holds on to it (A-45)."""
    audience = _locked(audience)
    holder = next((use for use in usage.of(audience.org, [audience.pk])[audience.pk] if use.holds), None)
    if holder is not None:
        raise ListRefused(
            _("“%(name)s” still uses it. Stop or finish that message first.") % {"name": holder.name}
        )
    audience.archived_at = audience.archived_at or at
    audience.save(update_fields=["archived_at"])
    audit.record(audience.org_id, "audience.archived", by=by, at=at, target=audience)
    return audience


@transaction.atomic
def restore(audience: Audience, *, by: User, at: datetime) -> Audience:
    audience = _locked(audience)
    audience.archived_at = None
    audience.save(update_fields=["archived_at"])
    audit.record(audience.org_id, "audience.restored", by=by, at=at, target=audience)
    return audience


@transaction.atomic
def delete(audience: Audience, *, by: User, at: datetime) -> None:
    """Remove an audience that nobody ever used; a used one can only be archived (A-45)."""
    audience = _locked(audience)
    if usage.of(audience.org, [audience.pk])[audience.pk]:
        raise ListRefused(_("It is in use, so it can only be archived."))
    audit.record(
        audience.org_id, "audience.deleted", by=by, at=at, target=audience, before={"name": audience.name}
    )
    versions = AudienceVersion.objects.for_org(audience.org_id).filter(audience=audience)
    ListMember.objects.for_org(audience.org_id).filter(
        version_id__in=list(versions.values_list("pk", flat=True))
    ).delete()
    Audience.objects.for_org(audience.org_id).filter(pk=audience.pk).update(current=None)
    audience.delete()


def _new(
    org: Org, kind: Audience.Kind, name: str, unit: OrgUnit | None, *, by: User, at: datetime
) -> Audience:
    return Audience.objects.create(
        org=org, kind=kind, name=_name(name), unit=unit, created_by=by, created_at=at, updated_at=at
    )


def name_problem(name: str) -> str:
    """What is wrong with a name; empty where nothing is."""
    cleaned = " ".join(name.split())
    if not cleaned:
        return _("Give the audience a name.")
    if "\0" in cleaned:
        return _("Type the name again: it holds characters that cannot be kept.")
    if len(cleaned) > LONGEST_NAME:
        return _("Use at most %(most)s characters for the name.") % {"most": LONGEST_NAME}
    return ""


def _name(name: str) -> str:
    if problem := name_problem(name):
        raise ListRefused(problem)
    return " ".join(name.split())


def _locked(audience: Audience) -> Audience:
    rows = Audience.objects.for_org(audience.org_id).select_related("org", "unit", "current")
    return rows.select_for_update(of=("self",)).get(pk=audience.pk)


def _record(
    audience: Audience,
    action: str,
    version: AudienceVersion,
    *,
    by: User,
    at: datetime,
    before: dict[str, Any] | None = None,
) -> None:
    after = {"name": audience.name, "version": version.number, "digest": version.digest}
    audit.record(audience.org_id, action, by=by, at=at, target=audience, before=before, after=after)
