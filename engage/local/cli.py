"""The command `engage`: the one-command start, and the operator's commands.

Operator commands are Django management commands. They run on the servers of the home, which are started for them
if need be, or on those that DATABASE_URL and REDIS_URL name.
"""

import argparse
import os
import sys
from collections.abc import Sequence
from typing import NoReturn

from engage.local.errors import StartRefused
from engage.local.home import Home
from engage.local.plan import Options
from engage.local.stack import home_of, open_stack
from engage.local.up import running_environment, up

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
    "run-scheduler": "the scheduler, one or more beside the workers (engage up starts one)",
}
AS_OWNER = {"migrate", "makemigrations", "sqlmigrate", "showmigrations", "lintmigrations"}

EPILOG = "operator commands (each has --help):\n" + "\n".join(
    f"  {name:<16} {what}" for name, what in OPERATOR_COMMANDS.items()
)


def main(arguments: Sequence[str] | None = None) -> None:
    """The console script; one line on standard error when something refuses."""
    try:
        _dispatch(sys.argv[1:] if arguments is None else arguments)
    except StartRefused as refusal:
        sys.exit(f"engage: {refusal}")
    except KeyboardInterrupt:  # before the supervisor took the signal over
        sys.exit(130)


def _dispatch(arguments: Sequence[str]) -> None:
    if arguments and not arguments[0].startswith("-") and arguments[0] not in {"up", "run"}:
        name = arguments[0].replace("-", "_")
        command = [sys.executable, "-m", "django", name, *arguments[1:]]
        _become(command, home=home_of(None), as_owner=name in AS_OWNER)
    parser = _parser()
    options = parser.parse_args(arguments or ["--help"])
    home = home_of(options.home)
    if options.name == "up":
        up(Options(home, options.port, demo=not options.no_demo))
        return
    command = options.command[1:] if options.command[:1] == ["--"] else options.command
    if not command:
        parser.error("run: name a command, as in `engage run -- python manage.py shell`")
    _become(command, home=home, as_owner=options.owner)


def _become(command: Sequence[str], *, home: Home, as_owner: bool) -> NoReturn:
    """Turn into the command, which holds the share in the servers until it ends."""
    stack = open_stack(home, first=False)
    environment = stack.environment(as_owner=as_owner) | running_environment(home)
    if stack.share is not None:
        os.set_inheritable(stack.share.descriptor, True)  # noqa: FBT003 - the signature of os
    try:
        os.execvpe(command[0], list(command), environment)  # noqa: S606  the user's own command
    except OSError as error:
        raise StartRefused(f"Cannot run {command[0]}: {error.strerror}.") from error


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="engage",
        usage="engage up | run | OPERATOR COMMAND ...",
        description="An open campaign console.",
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    commands = parser.add_subparsers(dest="name", required=True, metavar="", prog="engage")
    start = commands.add_parser("up", help="start everything on this machine; Ctrl-C stops it")
    start.add_argument("--port", type=int, default=8000, help="of the console (8000)")
    start.add_argument("--no-demo", action="store_true", help="do not load the demo into an empty database")
    run = commands.add_parser("run", help="run any command in the stack's environment: engage run -- CMD ...")
    run.add_argument("--owner", action="store_true", help="work as the role that owns the database")
    for command in (start, run):
        command.add_argument("--home", metavar="DIR", help="the folder of the data (ENGAGE_HOME, else var/)")
    run.add_argument("command", nargs=argparse.REMAINDER, help=argparse.SUPPRESS)
    return parser


if __name__ == "__main__":
    main()
