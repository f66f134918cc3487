"""Let sending go on after the fence was tripped: a restored or copied database, a fail-over."""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from campaigns import arming
from campaigns.clock import database_now


class Command(BaseCommand):
    help = (
        "Arm sending on this installation. Before you do: make sure that no other copy of this database sends, and "
        "that what the restored database believes unsent was really not sent. Blocked runs are then continued by "
        "people, in the console."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--yes", action="store_true", help="You looked, and want to arm.")

    def handle(self, *args: Any, **options: Any) -> None:
        fence = arming.state()
        if fence is None or fence.armed:
            self.stdout.write("Sending is armed already; nothing was changed.")
            return
        self.stdout.write(f"Sending is off since {fence.changed_at:%Y-%m-%d %H:%M} UTC: {fence.reason}")
        if not options["yes"]:
            raise CommandError("Look at the reason above; then run this again with --yes to arm.")
        arming.arm(database_now())
        self.stdout.write("Sending is armed. Continue the Blocked messages in the console.")
