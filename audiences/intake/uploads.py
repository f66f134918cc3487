"""A file between its upload and its import: kept aside while a person looks at what was detected."""

from __future__ import annotations

import json
import re
import shutil
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Final
from uuid import uuid4

from django.conf import settings
from django.core.files.uploadedfile import UploadedFile

from audiences.intake.fields import Kind

KEPT: Final = 24 * 3600
_TOKEN: Final = re.compile(r"[0-9a-f]{32}")


@dataclass(frozen=True)
class Upload:
    """An uploaded file of one person in one org. `token` names it in addresses and says nothing about it."""

    org_id: int
    token: str
    user_id: int
    kind: Kind
    filename: str

    @property
    def folder(self) -> Path:
        return _home(self.org_id) / self.token

    @property
    def path(self) -> Path:
        return self.folder / "file"


def _home(org_id: int) -> Path:
    return Path(settings.MEDIA_ROOT) / str(org_id) / "uploads"


def keep(org_id: int, user_id: int, kind: Kind, file: UploadedFile) -> Upload:
    """Put the file aside, and throw away those that nobody came back for."""
    _forget_old(org_id)
    upload = Upload(org_id, uuid4().hex, user_id, kind, (file.name or "file.csv")[:150])
    upload.folder.mkdir(parents=True, mode=0o700)
    with upload.path.open("wb") as stream:
        for chunk in file.chunks():
            stream.write(chunk)
    (upload.folder / "about.json").write_text(json.dumps(asdict(upload)))
    return upload


def find(org_id: int, user_id: int, token: str) -> Upload | None:
    """This person's upload, as long as it waits to be imported."""
    if not _TOKEN.fullmatch(token):
        return None
    try:
        about = json.loads((_home(org_id) / token / "about.json").read_text())
    except FileNotFoundError:
        return None
    upload = Upload(**{**about, "kind": Kind(about["kind"])})
    return upload if (upload.org_id, upload.user_id) == (org_id, user_id) else None


def claim(upload: Upload) -> bool:
    """Only the first of several posts of one form starts the import; `job_of` tells the others which it became."""
    try:
        (upload.folder / "job").touch(exist_ok=False)
    except FileExistsError:
        return False
    return True


def started(upload: Upload, job_id: int) -> None:
    """Call when the job is committed."""
    (upload.folder / "job").write_text(str(job_id))


def job_of(upload: Upload) -> int | None:
    """The job that the upload became; None before that, or while it is being started."""
    path = upload.folder / "job"
    text = path.read_text() if path.is_file() else ""
    return int(text) if text else None


def _forget_old(org_id: int) -> None:
    for folder in _home(org_id).glob("*"):
        if time.time() - folder.stat().st_mtime > KEPT:
            shutil.rmtree(folder, ignore_errors=True)
