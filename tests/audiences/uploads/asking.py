"""Short ways to make lists of texts, and to look at what became of them."""

from __future__ import annotations

import csv
from pathlib import Path
from typing import Any

from django.conf import settings
from django.utils import timezone

from audiences.intake import csvfile
from audiences.models import Audience, AudienceVersion, Customer, ListMember
from audiences.uploads import making
from audiences.uploads.columns import Column, Meaning, headings
from audiences.uploads.making import Wish
from engage.orgs import jobs
from engage.orgs.models import Job, Org, OrgUnit, User
from engage.orgs.tenancy import org_context

ID, NUMBER, EMAIL, PHONE = Meaning.EXTERNAL_ID, Meaning.NUMBER, Meaning.EMAIL, Meaning.PHONE
OUT = Meaning.IGNORED


def begin(
    org: Org,
    by: User,
    path: Path,
    *meanings: Meaning | str,
    header: bool = True,
    name: str = "List",
    unit: OrgUnit | None = None,
    onto: Audience | None = None,
    create: bool = False,
) -> Job:
    """The job of a file as the page would start it; a text among the meanings is a tag's name."""
    look = csvfile.look(path)
    names = headings(look.preview[0], header=header)
    columns = [
        Column(heading, one) if isinstance(one, Meaning) else Column(heading, Meaning.TAG, one)
        for heading, one in zip(names, meanings, strict=True)
    ]
    wish = Wish(name, unit, columns, header, create, onto)
    with org_context(org.pk):
        return making.start(org, path, wish, filename=path.name, how=look.format, by=by, at=timezone.now())


def made(org: Org, by: User, folder: Path, text: str, *meanings: Meaning | str, **more: Any) -> Job:
    """The finished job of a text as a file."""
    path = folder / "list.csv"
    path.write_text(text, encoding="utf-8")
    job = begin(org, by, path, *meanings, **more)
    jobs.run(org.pk, job.pk)
    return finished(org, job)


def finished(org: Org, job: Job) -> Job:
    with org_context(org.pk):
        return Job.objects.for_org(org).get(pk=job.pk)


def errors(job: Job) -> list[list[str]]:
    """The errors file, line by line; none is an empty list."""
    if not job.errors_file:
        return []
    with (Path(settings.MEDIA_ROOT) / job.errors_file).open(encoding="utf-8-sig", newline="") as stream:
        return list(csv.reader(stream))


def codes(job: Job) -> dict[str, str]:
    """The first cell of each rejected row, with its code."""
    return {row[0]: row[-2] for row in errors(job)[1:]}


def listed(org: Org, job: Job) -> Audience:
    with org_context(org.pk):
        version = AudienceVersion.objects.for_org(org).select_related("audience__current").get(job=job)
        found: Audience = version.audience
        return found


def members(org: Org, job: Job) -> dict[str, list[str]]:
    """Who is in the version that the job made, by external id, with the tag values; whoever is written at all."""
    with org_context(org.pk):
        rows = ListMember.objects.for_org(org).filter(version_id=job.parameters["version"])
        names = dict(Customer.objects.for_org(org).values_list("id", "external_id"))
        return dict(sorted((names[row.customer_id], row.tags) for row in rows))
