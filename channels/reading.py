"""One compilation under way: the marks it uses, the links it met, what is wrong with the content."""

from __future__ import annotations

from collections.abc import Mapping

from channels.links import LinkTable
from channels.merge import ContentRefused, Marks, Problem, read
from channels.rendering import RunFacts


class Reading:
    """Reads an author's texts: merge tags become marks."""

    def __init__(self, facts: RunFacts, known_links: Mapping[str, int] | None = None) -> None:
        self.facts = facts
        self.problems: list[Problem] = []
        self.marks = Marks()
        self.links = LinkTable(
            self.marks, track=facts.track_links, utm=facts.utm, problems=self.problems, known=known_links
        )

    @property
    def unsubscribe(self) -> str:
        """The word that stands where the opt-out link is to be."""
        return self.marks.word("x", 0)

    def marked(self, source: str, where: str) -> str:
        """`source` with its tags as marks; `where` names it in a problem ("The subject")."""
        parts = read(
            source, where, tags=self.facts.tags, constants=self.facts.constants, problems=self.problems
        )
        return self.marks.marked(parts)

    def refuse(self, code: str, text: str) -> None:
        self.problems.append(Problem(code, text))

    def end(self) -> None:
        """Raises `ContentRefused` with everything that is wrong so far."""
        if self.problems:
            raise ContentRefused(self.problems)


class RenderedReading(Reading):
    """Reads texts that logic has rendered for one recipient: nothing in them is a tag any more."""

    def marked(self, source: str, where: str) -> str:
        return source
