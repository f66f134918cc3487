"""A file between its upload and the job that reads it: kept aside while a person looks at what was detected."""

from __future__ import annotations

import json
import re
import shutil
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final
from uuid import uuid4

from django.conf import settings
from django.core.files.uploadedfile import UploadedFile

from audiences.intake.staging import fetch
from engage.orgs.models import Job

KEPT: Final = 24 * 3600
_TOKEN: Final = re.compile(r"[0-9a-f]{32}")


@dataclass(frozen=True)
class Kept:
    """A file of one person in one org. `token` names it in addresses and says nothing about it.

    `purpose` is the page that took it, `facts` what was said there.
    """

    org_id: int
    token: str
    user_id: int
    purpose: str
    filename: str
    facts: dict[str, Any]

    @property
    def folder(self) -> Path:
        return _home(self.org_id) / self.token

    @property
    def path(self) -> Path:
        return self.folder / "file"


def _home(org_id: int) -> Path:
    return Path(settings.MEDIA_ROOT) / str(org_id) / "uploads"


def keep(org_id: int, user_id: int, purpose: str, file: UploadedFile, **facts: Any) -> Kept:
    """Put the file aside, and throw away those that nobody came back for. Call inside the org's context."""
    _forget_old(org_id)
    kept = Kept(org_id, uuid4().hex, user_id, purpose, (file.name or "file.csv")[:150], facts)
    kept.folder.mkdir(parents=True, mode=0o700)
    kept.path.touch(mode=0o600)
    with kept.path.open("wb") as stream:
        for chunk in file.chunks():
            stream.write(chunk)
    (kept.folder / "about.json").write_text(json.dumps(asdict(kept)))
    return kept


def find(org_id: int, user_id: int, purpose: str, token: str) -> Kept | None:
    """This person's file for this purpose, as long as it is kept."""
    if not _TOKEN.fullmatch(token):
        return None
    try:
        about = json.loads((_home(org_id) / token / "about.json").read_text())
    except FileNotFoundError:
        return None
    kept = Kept(**about)
    return kept if (kept.org_id, kept.user_id, kept.purpose) == (org_id, user_id, purpose) else None


def job_of(kept: Kept) -> Job | None:
    """The job that the file went to."""
    found: Job | None = Job.objects.for_org(kept.org_id).filter(source_file=str(kept.path)).first()
    return found


def hold(kept: Kept) -> None:
    """Until the transaction ends, another post of the same form waits, and then finds the job that this one began."""
    name = f"{kept.org_id}:kept:{kept.token}"
    fetch("SELECT pg_advisory_xact_lock(hashtextextended(%(name)s, 0))", name=name)


def discard(path: Path) -> None:
    """A file that was uploaded has done its work; an operator's own is left alone."""
    if path.is_relative_to(settings.MEDIA_ROOT):
        path.unlink(missing_ok=True)


def _forget_old(org_id: int) -> None:
    jobs = Job.objects.for_org(org_id).filter(finished_at=None).exclude(source_file="")
    awaited = {Path(name).parent for name in jobs.values_list("source_file", flat=True)}
    for folder in set(_home(org_id).glob("*")) - awaited:
        if time.time() - folder.stat().st_mtime > KEPT:
            shutil.rmtree(folder, ignore_errors=True)
