"""What of an author's styles may travel, and which of them hide an element."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any

import tinycss2

_PROPERTY = re.compile(r"-?[a-z][a-z-]*")
# Properties that load or run code in old readers, or take content out of the frame that shows it.
_BANNED = frozenset({"behavior", "-moz-binding", "-ms-behavior"})
_AT_RULES = frozenset({"media", "supports", "font-face", "keyframes", "-webkit-keyframes"})
_ADDRESS = re.compile(r"https?://|data:image/(?:png|gif|jpeg|webp);", re.IGNORECASE)
_SELECTOR_END = re.compile(r"(?:^|[\s>+~])(?P<tag>[a-z][a-z0-9]*)?(?P<rest>(?:[.#][\w-]+)*)$", re.IGNORECASE)
_NOTHING = re.compile(r"0(?:px|em|rem|%|pt)?")


class Styles:
    """Cleans declarations and sheets; collects what went (`dropped`) and which selectors hide (`hiding`)."""

    def __init__(self) -> None:
        self.dropped: list[str] = []
        self.hiding: set[str] = set()

    def declarations(self, css: str) -> str:
        """The safe part of a style attribute."""
        kept = []
        for node in tinycss2.parse_blocks_contents(css, skip_comments=True, skip_whitespace=True):
            if node.type == "declaration" and _harmless(node):
                kept.append(node.serialize())
            else:
                self.dropped.append(f"the style “{getattr(node, 'name', node.type)}”")
        return ";".join(kept)

    def sheet(self, css: str) -> str:
        """The safe part of a style sheet."""
        rules = tinycss2.parse_stylesheet(css, skip_comments=True, skip_whitespace=True)
        return "\n".join(self._rules(rules, top=True))

    def _rules(self, rules: Iterable[Any], *, top: bool) -> Iterable[str]:
        for rule in rules:
            text = self._rule(rule, top=top)
            # "<" could end the style element; no rule of a mail needs one
            if text is None or "<" in text:
                self.dropped.append(f"the style rule “{_head(rule)}”")
            elif text:
                yield text

    def _rule(self, rule: Any, *, top: bool) -> str | None:
        if rule.type == "qualified-rule":
            return self._qualified(rule, top=top)
        if rule.type != "at-rule" or rule.lower_at_keyword not in _AT_RULES or rule.content is None:
            return None
        head = f"@{rule.lower_at_keyword}{tinycss2.serialize(rule.prelude)}"
        if rule.lower_at_keyword == "font-face":
            return f"{head}{{{self.declarations(tinycss2.serialize(rule.content))}}}"
        inner = tinycss2.parse_rule_list(rule.content, skip_comments=True, skip_whitespace=True)
        return f"{head}{{{' '.join(self._rules(inner, top=False))}}}"

    def _qualified(self, rule: Any, *, top: bool) -> str:
        selector = tinycss2.serialize(rule.prelude).strip()
        body = self.declarations(tinycss2.serialize(rule.content))
        if top and hides(body):
            self.hiding.update(part.strip().lower() for part in selector.split(","))
        return f"{selector}{{{body}}}" if body else ""


def hides(css: str) -> bool:
    """Whether declarations make what carries them, and all inside it, invisible."""
    stated = dict(_values(css))
    if (
        stated.get("display") == "none"
        or stated.get("visibility") == "hidden"
        or stated.get("mso-hide") == "all"
    ):
        return True
    if _NOTHING.fullmatch(stated.get("opacity", "1")):
        return True
    clipped = stated.get("overflow") in {"hidden", "clip"}
    sizes = ("height", "max-height", "width", "max-width")
    return clipped and any(_NOTHING.fullmatch(stated.get(name, "")) for name in sizes)


def shrinks(css: str) -> bool | None:
    """Whether declarations make text vanish by its size; None when they leave the size as it is."""
    size = dict(_values(css)).get("font-size")
    return None if size is None else bool(_NOTHING.fullmatch(size))


def matches(selector: str, tag: str, classes: Iterable[str], identity: str) -> bool:
    """Whether a hiding selector may mean this element: judged by its last part, so rather too often."""
    found = _SELECTOR_END.search(selector)
    if not found or not (found["tag"] or found["rest"]):
        return selector == "*"
    if found["tag"] and found["tag"] != tag:
        return False
    wanted = re.findall(r"[.#][\w-]+", found["rest"])
    have = {f".{name.lower()}" for name in classes} | {f"#{identity.lower()}"}
    return all(mark in have for mark in wanted)


def _values(css: str) -> Iterable[tuple[str, str]]:
    for node in tinycss2.parse_blocks_contents(css, skip_comments=True, skip_whitespace=True):
        if node.type == "declaration":
            yield node.lower_name, tinycss2.serialize(node.value).strip().lower()


def _harmless(declaration: Any) -> bool:
    if not _PROPERTY.fullmatch(declaration.lower_name) or declaration.lower_name in _BANNED:
        return False
    return all(map(_harmless_value, declaration.value))


def _harmless_value(token: Any) -> bool:
    if token.type == "url":
        return bool(_ADDRESS.match(token.value.strip()))
    if token.type == "function":
        if token.lower_name in {"expression", "element", "image-set"}:
            return False
        if token.lower_name == "url":
            text = "".join(part.value for part in token.arguments if part.type == "string")
            return bool(_ADDRESS.match(text.strip()))
        return all(map(_harmless_value, token.arguments))
    return token.type not in {"error", "{} block"}


def _head(rule: Any) -> str:
    if rule.type == "at-rule":
        return f"@{rule.lower_at_keyword}"
    if rule.type == "qualified-rule":
        return str(tinycss2.serialize(rule.prelude).strip())[:40]
    return "not readable"
