"""`make migrations`: refuse a migration that the release before it cannot live with (django-migration-linter).

Only the walls of 0.1.0 are not judged: they turn the tables that the migration before them made into months, and no
release ran between the two.
"""

import sys

import django
from django_migration_linter import MigrationLinter

from engage.local.home import CHECKOUT

OURS = ["orgs", "audiences", "channels", "campaigns", "conversions", "reporting"]
WALLS = ["0002_tenant_walls"]


def main() -> int:
    django.setup()
    linter = MigrationLinter(path=str(CHECKOUT), include_apps=OURS, ignore_name=WALLS, no_cache=True)
    linter.lint_all_migrations()
    linter.print_summary()
    return int(linter.has_errors)


if __name__ == "__main__":
    sys.exit(main())
