"""Accounts as an operator makes them: found by address, or new with a password that passes the same rules as any."""

from __future__ import annotations

import sys
from argparse import ArgumentParser
from collections.abc import Mapping
from getpass import getpass
from typing import Any

from django.contrib.auth.password_validation import validate_password
from django.core.exceptions import ValidationError
from django.core.management.base import CommandError
from django.core.validators import validate_email

from engage.orgs.models import Org, User
from engage.orgs.models.people import normal_email


def add_arguments(parser: ArgumentParser) -> None:
    parser.add_argument("--name", default="", help="the person's name, for a new account")
    parser.add_argument(
        "--password-stdin",
        action="store_true",
        help="read a new account's password from standard input instead of asking for it",
    )


def account(email: str, options: Mapping[str, Any]) -> User:
    """The account of this address; a new one gets a password. Raises CommandError with what to do."""
    try:
        validate_email(email)
    except ValidationError as error:
        raise CommandError(f"“{email}” is no e-mail address.") from error
    known = User.objects.by_email(email)
    if known is not None:
        return known
    user = User(email=normal_email(email), name=options["name"])
    password = _read_password(email, from_stdin=options["password_stdin"])
    try:
        validate_password(password, user)
    except ValidationError as error:
        raise CommandError(" ".join(error.messages)) from error
    return User.objects.create_user(email, options["name"], password)


def _read_password(email: str, *, from_stdin: bool) -> str:
    if from_stdin:
        return sys.stdin.readline().rstrip("\r\n")
    if not sys.stdin.isatty():
        raise CommandError(
            f"{email} has no account yet. Give its password by --password-stdin, or run this in a terminal."
        )
    password = getpass(f"Password for {email}: ")
    if getpass("Once more: ") != password:
        raise CommandError("The two do not match. Run this again.")
    return password


def org_of(slug: str) -> Org:
    """Raises CommandError naming the organisations that there are."""
    org = Org.objects.filter(slug=slug).first()
    if org is None:
        known = ", ".join(Org.objects.order_by("slug").values_list("slug", flat=True)[:20])
        raise CommandError(f"There is no organisation “{slug}”. Known: {known or 'none yet'}.")
    return org
