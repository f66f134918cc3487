"""The look that lets a Stop answer at once: every 200 ms, on a connection of its own, beside whatever the lane does."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable

from django.db import Error, connection

from campaigns.dispatch import standing
from engage.orgs.tenancy import org_context

logger = logging.getLogger(__name__)

LOOK_SECONDS = 0.2


class Watch:
    """A thread that calls `halt` once, when the run may not go on or nobody can say whether it may.

    A notification of the database would not pass a pooler, and would not be heard by a lane in a transaction.
    """

    def __init__(self, org_id: int, run_id: int, halt: Callable[[str], None]) -> None:
        self._org_id = org_id
        self._run_id = run_id
        self._halt = halt
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._look, name=f"watch-{run_id}", daemon=True)

    def __enter__(self) -> Watch:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stopped.set()
        self._thread.join()

    def _look(self) -> None:
        try:
            while not self._stopped.wait(LOOK_SECONDS):
                with org_context(self._org_id):
                    go_on = standing.may_go_on(self._org_id, self._run_id)
                if not go_on:
                    self._halt("halted")
                    return
        except Error:
            logger.exception("run %s cannot be watched; its lane leaves", self._run_id)
            self._halt("database")
        finally:
            connection.close()
