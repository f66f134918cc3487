"""The one door to the compilers: a channel's name and its content, as a message version keeps it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from channels.email.compile import EmailContent, compile_email
from channels.logic_content import compile_logic
from channels.merge import ContentRefused
from channels.protocol import SenderFacts
from channels.reading import Reading
from channels.rendering import Compiled, RunFacts
from channels.sms.compile import SmsContent, compile_sms
from channels.sms.segments import plain

# The fields of each channel's content, in the order of the form, and whether one must be filled (H-01).
FIELDS: dict[str, dict[str, bool]] = {
    "email": {"subject": True, "preview": False, "html": True, "text": False},
    "sms": {"text": True, "allow_unicode": False},
}
_HTML = frozenset({"html"})
_LOGIC = frozenset({"logic_off", "unknown_filter"})

Content = Mapping[str, Any]


def compile_content(channel: str, content: Content, sender: SenderFacts, facts: RunFacts) -> Compiled:
    """Compile `content` for a run. Raises `ContentRefused` with everything that is wrong with it."""
    known = {name: content[name] for name in FIELDS[channel] if name in content}
    build = _COMPILERS[channel]
    try:
        return build(known, sender, Reading(facts))
    except ContentRefused as refused:
        if not facts.logic or not _LOGIC & {problem.code for problem in refused.problems}:
            raise
    texts = {name: text for name, text in known.items() if isinstance(text, str)}
    return compile_logic(
        texts, _HTML, facts, lambda rendered, reading: build(_tidied({**known, **rendered}), sender, reading)
    )


def _tidied(content: Content) -> Content:
    """Values stand among the author's text already: without Unicode all of it is written plain."""
    if content.get("allow_unicode", True):
        return content
    return {**content, "text": plain(content["text"])}


def _email(content: Content, sender: SenderFacts, reading: Reading) -> Compiled:
    return compile_email(EmailContent(**content), sender, reading)


def _sms(content: Content, _sender: SenderFacts, reading: Reading) -> Compiled:
    return compile_sms(SmsContent(**content), reading)


_COMPILERS: dict[str, Callable[[Content, SenderFacts, Reading], Compiled]] = {"email": _email, "sms": _sms}
