"""The one door to the compilers: a channel's name and its content, as a message version keeps it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from channels.email.compile import EmailContent, compile_email
from channels.protocol import SenderFacts
from channels.rendering import Compiled, RunFacts
from channels.sms.compile import SmsContent, compile_sms

# The fields of each channel's content, in the order of the form, and whether one must be filled (H-01).
FIELDS: dict[str, dict[str, bool]] = {
    "email": {"subject": True, "preview": False, "html": True, "text": False},
    "sms": {"text": True, "allow_unicode": False},
}


def compile_content(
    channel: str, content: Mapping[str, Any], sender: SenderFacts, facts: RunFacts
) -> Compiled:
    """Compile `content` for a run. Raises `ContentRefused` with everything that is wrong with it."""
    known = {name: content[name] for name in FIELDS[channel] if name in content}
    return _COMPILERS[channel](known, sender, facts)


def _email(content: Mapping[str, Any], sender: SenderFacts, facts: RunFacts) -> Compiled:
    return compile_email(EmailContent(**content), sender, facts)


def _sms(content: Mapping[str, Any], _sender: SenderFacts, facts: RunFacts) -> Compiled:
    return compile_sms(SmsContent(**content), facts)


_COMPILERS: dict[str, Callable[[Mapping[str, Any], SenderFacts, RunFacts], Compiled]] = {
    "email": _email,
    "sms": _sms,
}
