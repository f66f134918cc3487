"""What an inbound text asks of an org: the common words, and its own in every language it wrote down (H-38)."""

from __future__ import annotations

from dataclasses import dataclass, field

from channels.models import ReplyWords
from channels.sms import keywords
from channels.sms.keywords import Asked, bare
from engage.orgs.models import Org
from engage.orgs.tenancy import org_pk


@dataclass(frozen=True)
class Words:
    """An org's own words of all languages together."""

    opt_out: tuple[str, ...] = ()
    opt_in: tuple[str, ...] = ()
    help: tuple[str, ...] = ()
    # What HELP answers, by the bare word that asked; "" is the answer to the common word.
    answers: dict[str, str] = field(default_factory=dict)

    def asked(self, text: str) -> Asked:
        return keywords.asked(text, own_out=self.opt_out, own_in=self.opt_in, own_help=self.help)

    def answer(self, text: str, company: str) -> str:
        """The help text in the language of the word that asked."""
        found = self.answers.get(bare(text)) or self.answers.get("")
        return found or f"{company}: reply STOP to receive no more messages."


def words_of(org: Org | int) -> Words:
    """Call inside the org's context."""
    rows = list(ReplyWords.objects.for_org(org_pk(org)))
    answers = {bare(word): row.help_text for row in rows for word in split(row.help) if row.help_text}
    common = next((row.help_text for row in rows if row.language == "en" and row.help_text), "")
    return Words(
        opt_out=tuple(word for row in rows for word in split(row.opt_out)),
        opt_in=tuple(word for row in rows for word in split(row.opt_in)),
        help=tuple(word for row in rows for word in split(row.help)),
        answers={"": common, **answers},
    )


def split(words: str) -> list[str]:
    """The words of a field, as its author separated them."""
    return [word.strip() for word in words.split(",") if word.strip()]
