"""The fence: after a restore or a fail-over nothing is sent until a person arms it (Q-06).

A counter in PostgreSQL only grows; its copies in Redis and on disk are written after it. So a copy that is ahead, or a
place that never saw the counter, means that the database has lost history or was copied: what it believes unsent may
have been sent. The cluster's identity (system and timeline) catches fail-overs between two beats.
"""

from __future__ import annotations

import logging
import os
import tempfile
from contextlib import suppress
from datetime import datetime
from pathlib import Path

from django.conf import settings
from django.db import connection, transaction

from campaigns import shared_memory
from engage.orgs.models import Fence

logger = logging.getLogger(__name__)

_REDIS_KEY = "engage:fence"
_IDENTITY = """
SELECT s.system_identifier::text || '/' || c.timeline_id FROM pg_control_system() s, pg_control_checkpoint() c
"""
# Keeps the greater of the two: schedulers may write in any order.
_KEEP_GREATER = """
local known = tonumber(redis.call('GET', KEYS[1]) or '0')
if tonumber(ARGV[1]) > known then redis.call('SET', KEYS[1], ARGV[1]) end
"""


def state() -> Fence | None:
    """The fence as it stands; None before the first beat."""
    return Fence.objects.filter(pk=1).first()


def is_armed() -> bool:
    """Whether the fence lets anything out. Cheap: asked with every window too."""
    return not Fence.objects.filter(armed=False).exists()


def beat(at: datetime) -> bool:
    """Compare the counter with its copies, trip the fence if they disagree, else count on. Returns whether it is armed.

    The scheduler calls it every few seconds, a worker before a lane. Safe from any number of places.
    """
    with transaction.atomic():
        fence = _locked()
        reason = _suspicion(fence)
        if reason and fence.armed:
            fence.armed, fence.reason, fence.changed_at = False, reason, at
            fence.save()
            logger.error("sending is off until someone arms it: %s", reason)
        if not fence.armed:
            return False
        fence.counter += 1
        fence.system_identifier = fence.system_identifier or _identity()
        fence.save(update_fields=["counter", "system_identifier"])
    _write_copies(fence.counter)
    return True


def check(at: datetime) -> bool:
    """As `beat`, but counts nothing: before a lane begins. The worker's place gets its copy, too."""
    fence = state()
    if fence is None or not fence.armed:
        return fence is None
    if _suspicion(fence):
        return beat(at)
    _write_disk(fence.counter)
    return True


def arm(at: datetime) -> Fence:
    """A person has looked at what happened and lets sending go on from here."""
    with transaction.atomic():
        fence = _locked()
        known = _disk_copy() or 0
        with suppress(shared_memory.Away):
            known = max(known, _redis_copy() or 0)
        fence.counter = max(fence.counter, known) + 1
        fence.system_identifier = _identity()
        fence.armed, fence.reason, fence.changed_at = True, "", at
        fence.save()
    _write_copies(fence.counter)
    return fence


def disarm(reason: str, at: datetime) -> Fence:
    """Halt sending of every org (C-46)."""
    with transaction.atomic():
        fence = _locked()
        fence.armed, fence.reason, fence.changed_at = False, reason[:300], at
        fence.save()
    return fence


def _locked() -> Fence:
    Fence.objects.bulk_create([Fence(pk=1)], ignore_conflicts=True)
    return Fence.objects.select_for_update().get(pk=1)


def _suspicion(fence: Fence) -> str:
    """Why the database may have lost history; empty when nothing speaks for it."""
    copies = {"the disk": _disk_copy()}
    with suppress(shared_memory.Away):
        copies["Redis"] = _redis_copy()
    for place, copy in copies.items():
        if copy is not None and copy > fence.counter:
            return (
                f"The database is behind what {place} remembers ({fence.counter} of {copy}): was it restored?"
            )
    # A Redis that is away may remember; that alone is no reason.
    if fence.counter and "Redis" in copies and all(copy is None for copy in copies.values()):
        return "Neither Redis nor the disk here knows this database: is it a copy?"
    if fence.system_identifier and fence.system_identifier != _identity():
        return "The database is another cluster, or was promoted, since it last sent."
    return ""


def _identity() -> str:
    with connection.cursor() as cursor:
        cursor.execute(_IDENTITY)
        return str(cursor.fetchone()[0])


def _disk() -> Path:
    return Path(settings.HOME) / f"fence-{connection.settings_dict['NAME']}"


def _disk_copy() -> int | None:
    try:
        return int(_disk().read_text())
    except FileNotFoundError:
        return None


def _redis_copy() -> int | None:
    """Raises `Away`."""
    found = shared_memory.ask(lambda client: client.get(_REDIS_KEY))
    return int(found) if found else None


def _write_copies(counter: int) -> None:
    """After the commit: a copy is never ahead of a database that has its history."""
    _write_disk(counter)
    with suppress(shared_memory.Away):
        shared_memory.ask(lambda client: client.eval(_KEEP_GREATER, 1, _REDIS_KEY, counter))


def _write_disk(counter: int) -> None:
    known = _disk_copy()
    if known is not None and counter <= known:
        return
    path = _disk()
    with tempfile.NamedTemporaryFile("w", dir=path.parent, prefix=path.name, delete=False) as part:
        part.write(str(counter))
        part.flush()
        os.fsync(part.fileno())
    Path(part.name).replace(path)


def forget_copies() -> None:
    """Remove the copies here, for a database that begins anew (a test's, or one that was dropped on purpose)."""
    _disk().unlink(missing_ok=True)
    shared_memory.ask(lambda client: client.delete(_REDIS_KEY))
