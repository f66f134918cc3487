"""Where one stack keeps its data: `var/` for `engage up`, `var/test` for tests."""

import hashlib
import os
import re
import secrets
import shutil
import stat
from dataclasses import dataclass
from pathlib import Path

from engage.local.errors import StartRefused

CHECKOUT = Path(__file__).resolve().parent.parent.parent
SPACE_FOR_DATA = 600 * 2**20  # a new cluster with its first write-ahead segments and the demo's tables
SPACE_TO_RUN = 100 * 2**20
LOG_LIMIT = 10 * 1024 * 1024
SOCKET_PATH_LIMIT = 100  # sun_path holds 104 bytes on macOS and 108 on Linux, and PostgreSQL adds `.lock`


@dataclass(frozen=True)
class Home:
    """The folder of one stack, and the names inside it."""

    path: Path

    @classmethod
    def at(cls, path: Path | str) -> "Home":
        """The home at `path`, made when it is missing."""
        home = cls(Path(path).expanduser().resolve())
        try:
            for folder in (home.path, home.run, home.logs):
                folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        except OSError as error:
            raise StartRefused(
                f"Cannot use the folder {home.path}: {error.strerror}. Choose another with --home DIR."
            ) from error
        return home

    @property
    def run(self) -> Path:
        return self.path / "run"

    @property
    def logs(self) -> Path:
        return self.path / "log"

    def check_space(self, needed: int) -> None:
        free = shutil.disk_usage(self.path).free
        if free < needed:
            raise StartRefused(
                f"Not enough disk space in {self.path}: "
                f"{free // 2**20} MB free, {needed // 2**20} MB needed. "
                "Free some, or choose another folder with --home DIR."
            )

    def open_log(self, name: str) -> int:
        """A descriptor that appends to `log/<name>.log`; a log that has grown large is put aside once."""
        path = self.logs / f"{name}.log"
        if path.exists() and path.stat().st_size > LOG_LIMIT:
            path.replace(path.with_suffix(".log.1"))
        return os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)

    def secret(self, name: str) -> str:
        """A random text made at its first use and kept, readable by its owner only."""
        path = self.path / name
        try:
            descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        except FileExistsError:
            return path.read_text().strip()
        with os.fdopen(descriptor, "w") as file:
            value = secrets.token_urlsafe(48)
            file.write(value)
        return value

    def has_secret(self, name: str) -> bool:
        return (self.path / name).exists()

    def socket_folder(self, name: str, *, longest: str, server_uid: int) -> Path:
        """A private folder for the server's socket: in the home, or a short one where its path does not fit.

        The path stands in URLs as it is, so one with unusual letters moves too.
        """
        folder = self.run / name
        if len(os.fsencode(folder / longest)) > SOCKET_PATH_LIMIT or not re.fullmatch(
            r"[A-Za-z0-9/._-]+", str(folder)
        ):
            digest = hashlib.sha256(os.fsencode(folder)).hexdigest()[:12]
            folder = Path("/tmp") / f"engage-{os.geteuid()}-{digest}"  # noqa: S108  private, and checked below
        folder.mkdir(mode=0o700, exist_ok=True)
        found = folder.lstat()
        if (
            not stat.S_ISDIR(found.st_mode)
            or found.st_mode & 0o077
            or found.st_uid not in {os.geteuid(), server_uid}
        ):
            raise StartRefused(
                f"The folder {folder} belongs to someone else. Remove it, or choose another --home DIR."
            )
        return folder
