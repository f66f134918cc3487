"""The run's advisory lock: whoever changes a run's state excludes every window that is being announced.

A lane's window takes it shared and reads the state in a later statement, so in a newer snapshot; a change of state
takes it exclusively and commits. PostgreSQL queues the two fairly: with six lanes a stop waited 11 ms, where an UPDATE
against `FOR SHARE` never got its turn. Both end with the transaction.
"""

from __future__ import annotations

from django.conf import settings
from django.db import connection

_KEY = "hashtextextended('engage.run:' || %(run)s::text, 0)"


def exclusive(run_id: int) -> None:
    """Before a run's state changes. Waits for the windows that are being announced, a few milliseconds."""
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT pg_advisory_xact_lock({_KEY})", {"run": run_id})


def shared(run_id: int) -> None:
    """Before a window reads the run's state. The transaction ends by itself when its worker falls silent.

    A worker that is suspended between two statements of a window would hold up every stop: the server ends the session
    after half a lease, so a stop still answers within the lease, and nothing of the window was begun.
    """
    silent_ms = int(settings.SEND_LEASE_SECONDS * 500)
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT set_config('idle_in_transaction_session_timeout', %(silent)s, true), "
            f"pg_advisory_xact_lock_shared({_KEY})",
            {"run": run_id, "silent": str(silent_ms)},
        )
