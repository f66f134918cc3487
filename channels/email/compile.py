"""From an author's e-mail to a renderer: read the tags, clean, number the links, check, lay out (H-02, H-13
to H-23).
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

from channels.email import document, encoding, mime, plain
from channels.email.address import wire
from channels.email.html import clean
from channels.email.preview import shown
from channels.links import Link
from channels.merge import Marks, unquoted
from channels.protocol import SenderFacts
from channels.reading import Reading
from channels.rendering import Preview, Renderer, RunFacts, SlotTable, Values
from channels.tokens import RunSigner

SUBJECT_MOST = 150
HTML_MOST = 5 * 1024 * 1024
CLIPPED_ABOVE = 102 * 1024  # large mailbox providers hide what follows, the opt-out link with it


@dataclass(frozen=True, slots=True)
class EmailContent:
    """`text` is the author's own text part, empty to have one made; `preview` shows beside the subject."""

    subject: str
    html: str
    preview: str = ""
    text: str = ""


@dataclass(frozen=True, slots=True)
class _Marked:
    """The content with slots and links as marks."""

    subject: str
    html: str
    text: str
    targets: tuple[str, ...]


class CompiledEmail:
    def __init__(
        self, marked: _Marked, marks: Marks, links: Sequence[Link], head: mime.Head, facts: RunFacts
    ) -> None:
        self._facts = facts
        self._slots = SlotTable(marks, facts, (marked.subject, marked.html, marked.text, *marked.targets))
        self._subject = _Subject(marked.subject, marks, self._slots)
        self._template = mime.Template(marks, self._slots, facts.tracking_url)
        self._template.build(head, subject=marked.subject, text=marked.text, html=marked.html)
        self._whole = [link for link in links if link.pieces[0].whole]
        self.slots = self._slots.names
        self.required = self._slots.required
        self.judge_each = self._subject.varies or bool(self._whole)
        self.links = tuple(links)
        self.removed: tuple[str, ...] = ()
        self.warnings: tuple[str, ...] = ()

    @property
    def subject_least(self) -> int:
        """Characters of the subject that everybody gets."""
        return self._subject.fixed

    def problem(self, values: Values) -> str | None:
        missing = self._slots.missing(values)
        if missing:
            return f"“{missing}” has no value."
        length = self._subject.length(values)
        if length > SUBJECT_MOST:
            return f"The subject has {length} characters; at most {SUBJECT_MOST} fit."
        if length == 0:
            return "The subject is empty."
        if any(not link.target(values, self.slots) for link in self._whole):
            return "A link has no web address."
        return None

    def renderer(self, signer: RunSigner) -> Renderer:
        return mime.EmailRenderer(self._template, self._slots, signer)

    def preview(self, values: Values) -> Preview:
        return shown(self, values, self._facts.tracking_url)


class _Subject:
    """Counts a subject's characters after merging."""

    def __init__(self, marked: str, marks: Marks, slots: SlotTable) -> None:
        self.fixed = 0
        self._readers = []
        for literal, kind, number in marks.split(marked):
            self.fixed += len(literal)
            constant = slots.constant(number) if kind else ""
            if constant is None:
                self._readers.append(slots.reader(number))
            else:
                self.fixed += len(constant)
        self.varies = bool(self._readers)

    def length(self, values: Values) -> int:
        return self.fixed + sum(len(read_value(values)) for read_value in self._readers)


def compile_email(content: EmailContent, sender: SenderFacts, reading: Reading) -> CompiledEmail:
    """Raises `ContentRefused` with everything that is wrong."""
    return _Compiler(reading).compiled(content, sender)


class _Compiler:
    def __init__(self, reading: Reading) -> None:
        self._reading = reading
        self._facts = reading.facts
        self._marks = reading.marks
        self._links = reading.links
        self._refuse = reading.refuse
        self._warnings: list[str] = []

    def compiled(self, content: EmailContent, sender: SenderFacts) -> CompiledEmail:
        subject = self._one_line(content.subject, "The subject")
        if not subject:
            self._refuse("subject_missing", "The subject is empty.")
        body = self._body(content.html)
        html = document.framed(body.html(), self._cleaned, self._frame(content, sender))
        if self._in_styles(html):
            self._refuse("misplaced_tag", "A merge tag cannot stand in a style.")
        text = self._own_text(content.text) if content.text.strip() else plain.text_of(body.html())
        text = "\n".join([text.rstrip("\n"), "", *self._identity(), ""])
        head = self._head(sender)
        self._reading.end()
        marked = _Marked(subject, html, text, self._links.targets())
        compiled = CompiledEmail(marked, self._marks, self._links.links(), head, self._facts)
        if compiled.subject_least > SUBJECT_MOST:
            self._refuse("too_long", f"The subject is longer than {SUBJECT_MOST} characters.")
            self._reading.end()
        if len(html) > CLIPPED_ABOVE:
            self._warnings.append("The mail is larger than 102 KB; some mailboxes will cut its end off.")
        compiled.removed, compiled.warnings = self._cleaned.removed, tuple(self._warnings)
        return compiled

    def _one_line(self, source: str, where: str) -> str:
        marked = self._reading.marked(source.strip(), where)
        if len(marked.splitlines()) > 1:
            self._refuse("line_break", f"{where} must be one line.")
        if self._reading.unsubscribe in marked:
            self._refuse("misplaced_tag", f"{where} cannot hold the unsubscribe tag.")
        return marked

    def _body(self, source: str) -> document.Body:
        if len(source) > HTML_MOST:
            self._refuse("too_long", "The body is larger than 5 MB.")
            source = ""
        self._cleaned = clean(self._reading.marked(unquoted(source), "The body"))
        body = document.Body(
            self._cleaned,
            place=lambda href, tracked: self._links.placed(href, tracked=tracked),
            image=self._links.image,
            unsubscribe=self._reading.unsubscribe,
        )
        for address in self._cleaned.broken:
            self._refuse("broken_link", f"The link “{address}” names no site.")
        self._judge(body)
        return body

    def _judge(self, body: document.Body) -> None:
        if not body.has_content:
            self._refuse("body_missing", "The body is empty.")
        if self._facts.promotional and not body.unsubscribe_visible:
            self._refuse(
                "unsubscribe_missing",
                "A promotional e-mail needs the unsubscribe tag as a link that can be seen.",
            )
        if body.images_without_text:
            self._warnings.append(f"{body.images_without_text} pictures have no alternative text.")

    def _frame(self, content: EmailContent, sender: SenderFacts) -> document.Frame:
        facts = self._facts
        if facts.promotional and len(self._identity()) < 2:
            self._warnings.append("The footer lacks the company's legal name or postal address.")
        return document.Frame(
            language=facts.language,
            title=sender.display_name or sender.identity,
            preview=escape(self._one_line(content.preview, "The preview text")),
            footer="<br>".join(map(escape, self._identity())),
            open_pixel=self._tracked("o") if facts.track_opens else "",
            hidden_link=self._tracked("h") if facts.track_links and self._links.links() else "",
        )

    def _tracked(self, kind: str) -> str:
        return self._marks.word(kind, 0)

    def _own_text(self, source: str) -> str:
        text = self._reading.marked(source, "The text part")
        return self._links.in_text(text, plain.addresses(text))

    def _identity(self) -> list[str]:
        """Who sends, for the footer (H-13)."""
        return [part for part in (self._facts.legal_name, self._facts.postal_address) if part]

    def _in_styles(self, html: str) -> bool:
        styles = re.findall(r'<style>.*?</style>|style="[^"]*"', html, re.DOTALL)
        return any(self._marks.pattern.search(style) for style in styles)

    def _head(self, sender: SenderFacts) -> mime.Head:
        lines = [b"From: " + self._mailbox(sender.identity, sender.display_name)]
        if sender.reply_to:
            lines.append(b"Reply-To: " + self._mailbox(sender.reply_to, ""))
        domain = (wire(sender.identity) or b"@invalid").rpartition(b"@")[2]
        before_to = b"".join(line + b"\r\n" for line in lines)
        return mime.Head(before_to, domain, self._facts.promotional, self._facts.clock_shift)

    def _mailbox(self, address: str, name: str) -> bytes:
        encoded = wire(address)
        if encoded is None:
            self._refuse("sender", f"“{address}” cannot be a sender's e-mail address.")
            return b""
        return encoding.phrase(name) + b"\r\n <" + encoded + b">" if name else encoded
