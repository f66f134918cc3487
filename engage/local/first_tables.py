"""Until 0.1.0 an app's first migrations may still change: a home made by an earlier form of them is refused.

Django does not see such a change: it records a migration by its name only.
"""

import ast
import hashlib
import json
from pathlib import Path

from engage.local.errors import StartRefused
from engage.local.home import CHECKOUT, Home

FIRST = ("0001_initial.py", "0002_tenant_walls.py")


def check(home: Home) -> None:
    """Raises StartRefused when the home's tables were made by other first migrations than the present ones."""
    kept = _file(home)
    if not kept.exists():
        return
    made_by: dict[str, str] = json.loads(kept.read_text())
    present = _digests()
    changed = sorted(name for name, digest in made_by.items() if present.get(name) != digest)
    if changed:
        raise StartRefused(
            f"The data in {home.path} was made by an earlier Engage whose tables cannot be brought up to date "
            f"({changed[0]} changed): choose another --home DIR, or remove that folder to start anew."
        )


def remember(home: Home) -> None:
    """After migrating."""
    _file(home).write_text(json.dumps(_digests(), indent=1))


def _file(home: Home) -> Path:
    """Inside the data, so that it goes when they go."""
    return home.path / "pg" / "engage-first-tables.json"


def _digests() -> dict[str, str]:
    """Of what the migrations do: comments and layout do not count."""
    folders = [*CHECKOUT.glob("*/migrations"), *CHECKOUT.glob("engage/*/migrations")]
    paths = [folder / name for folder in folders for name in FIRST]
    return {
        str(path.relative_to(CHECKOUT)): hashlib.sha256(
            ast.dump(ast.parse(path.read_text())).encode()
        ).hexdigest()
        for path in paths
        if path.exists()
    }
