"""The command `engage`: the one-command start, and the operator's commands.

Operator commands are Django management commands, run on the stack of the home (which is started for them when it is
not running) or on the servers that DATABASE_URL and REDIS_URL name.
"""

import argparse
import os
import sys
from collections.abc import Sequence

from engage.local.errors import StartRefused
from engage.local.stack import home_of, open_stack

OPERATOR_COMMANDS = {
    "create-org": "make an organisation and its first admin",
    "add-member": "add a person to an organisation, with a role",
    "load-data": "load CSV files of customers, products, transactions",
    "load-demo": "load the two demo organisations",
    "migrate": "bring the database to this version, as the owner role",
    "verify-audit": "check the audit chain of every organisation",
    "verify-ledger": "check the delivery ledger: counts, orphans, windows",
    "rebuild-rollups": "recompute the reports' roll-ups from the ledger",
    "arm-dispatch": "let a restored database send again",
    "run-scheduler": "the scheduler, one per installation (engage up starts it)",
}
AS_OWNER = {"migrate", "makemigrations", "sqlmigrate", "showmigrations", "lintmigrations"}

EPILOG = "operator commands (each has --help):\n" + "\n".join(
    f"  {name:<16} {what}" for name, what in OPERATOR_COMMANDS.items()
)


def main(arguments: Sequence[str] | None = None) -> None:
    """The console script; one line on standard error when something refuses."""
    arguments = sys.argv[1:] if arguments is None else list(arguments)
    try:
        sys.exit(_dispatch(arguments))
    except StartRefused as refusal:
        sys.exit(f"engage: {refusal}")


def _dispatch(arguments: Sequence[str]) -> int:
    parser = _parser()
    if not arguments:
        parser.print_help()
        return 2
    name = arguments[0]
    if not name.startswith("-") and name not in {"up", "run"}:
        django_name = name.replace("-", "_")
        command = [sys.executable, "-m", "django", django_name, *arguments[1:]]
        return _become(command, home=None, as_owner=django_name in AS_OWNER)
    options = parser.parse_args(arguments)
    command = options.command[1:] if options.command[:1] == ["--"] else options.command
    if not command:
        parser.error("run: name a command, as in `engage run -- python manage.py shell`")
    return _become(command, home=options.home, as_owner=options.owner)


def _become(command: Sequence[str], *, home: str | None, as_owner: bool) -> int:
    """Turn into the command, which holds the share in the servers until it ends."""
    stack = open_stack(home_of(home), first=False)
    if stack.share is not None:
        os.set_inheritable(stack.share.descriptor, True)
    environment = stack.environment(as_owner=as_owner)
    try:
        os.execvpe(command[0], list(command), environment)  # noqa: S606  the user's own command
    except OSError as error:
        raise StartRefused(f"Cannot run {command[0]}: {error.strerror}.") from error


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="engage", epilog=EPILOG, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    commands = parser.add_subparsers(dest="name", metavar="up | run | OPERATOR COMMAND")
    run = commands.add_parser("run", help="run any command in the stack's environment")
    run.add_argument("--home", help="the stack's folder (default: var/)")
    run.add_argument("--owner", action="store_true", help="work as the role that owns the database")
    run.add_argument("command", nargs=argparse.REMAINDER)
    return parser
