"""How a person proves who they are: e-mail and password, and what stops guessing."""

from __future__ import annotations

import hashlib
import re
from datetime import datetime
from typing import Any

from django.contrib.auth.backends import ModelBackend
from django.core.cache import cache
from django.core.exceptions import ValidationError
from django.http import HttpRequest
from zxcvbn import zxcvbn

from engage.orgs import audit
from engage.orgs.models import Seat, User
from engage.orgs.tenancy import org_context

TRIES = 8
PAUSE_SECONDS = 15 * 60


class EmailBackend(ModelBackend):
    """Sign-in by e-mail address. An unknown one costs the same time as a wrong password (T-19)."""

    def authenticate(
        self,
        request: HttpRequest | None,
        username: str | None = None,
        password: str | None = None,
        **kwargs: Any,
    ) -> User | None:
        email = username or kwargs.get("email")
        if not email or password is None:
            return None
        user = User.objects.by_email(email)
        if user is None:
            User().set_password(password)
            return None
        return user if user.check_password(password) and self.user_can_authenticate(user) else None


class GuessablePasswordValidator:
    """Refuse what a guesser tries first: common words, leaked passwords, names, keyboard runs (T-19)."""

    def validate(self, password: str, user: User | None = None) -> None:
        own_words = re.findall(r"\w{3,}", f"{user.name} {user.email}") if user else []
        verdict = zxcvbn(password[:72], user_inputs=own_words)
        if verdict["score"] < 3 or self._is_made_of(password, own_words):
            why = verdict["feedback"]["warning"] or "It is easy to guess."
            raise ValidationError(f"Choose another password. {why}", code="password_guessable")

    def _is_made_of(self, password: str, words: list[str]) -> bool:
        """Whether little is left of the password without the person's own words."""
        rest = password.lower()
        for word in words:
            rest = rest.replace(word.lower(), "")
        return len(rest) < 6

    def get_help_text(self) -> str:
        return "At least 12 characters; a few unrelated words make a good one."


def _counter(email: str, address: str) -> str:
    mark = hashlib.sha256(f"{email.strip().lower()}|{address}".encode()).hexdigest()
    return f"signin:{mark}"


def is_paused(email: str, address: str) -> bool:
    """Whether this address has tried this account too often in the last quarter of an hour."""
    return int(cache.get(_counter(email, address), 0)) >= TRIES


def count_failure(email: str, address: str) -> None:
    """Remember a wrong password, without saying whether the account exists."""
    key = _counter(email, address)
    cache.add(key, 0, PAUSE_SECONDS)
    cache.incr(key)


def forget_failures(email: str, address: str) -> None:
    cache.delete(_counter(email, address))


def keep(user: User, action: str, *, at: datetime) -> None:
    """Write a sign-in, or a failed one, into the trail of every org of the person (T-31)."""
    for org_id in Seat.objects.filter(user=user).values_list("org_id", flat=True):
        with org_context(org_id):
            audit.record(org_id, action, by=user, at=at)
