"""`make migrations`: refuse a migration that the release before it cannot live with (django-migration-linter).

An app's first migrations make its tables and their walls at once. No release ran before them, so they are not judged.
"""

import sys

import django
from django_migration_linter import MigrationLinter

from engage.local.home import CHECKOUT

OURS = ["orgs", "audiences", "channels", "campaigns", "conversions", "reporting"]
FIRST = ["0001_initial", "0002_tenant_walls"]


def main() -> int:
    django.setup()
    linter = MigrationLinter(path=str(CHECKOUT), include_apps=OURS, ignore_name=FIRST, no_cache=True)
    linter.lint_all_migrations()
    linter.print_summary()
    return int(linter.has_errors)


if __name__ == "__main__":
    sys.exit(main())
