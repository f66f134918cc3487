"""What the carrier reads in a message: its reference, and for the recipient's part its links."""

import re
from email import message_from_bytes
from email.errors import HeaderParseError
from email.header import decode_header, make_header
from email.message import Message
from html import unescape
from typing import NamedTuple

BODY_AT = b"\r\n\r\n"
REFERENCE, MESSAGE_ID, SHIFT = b"\r\nx-engage-ref:", b"\r\nmessage-id:", b"\r\nx-engage-clock-shift:"
SECONDS = re.compile(r"-?[0-9]{1,8}")
IMAGE = re.compile(r"<img\b[^>]*>", re.IGNORECASE)
ANCHOR = re.compile(r"<a\b[^>]*>", re.IGNORECASE)
TARGET = re.compile(r"\bhref\s*=\s*[\"'](https?://[^\"']+)[\"']", re.IGNORECASE)
# No person follows what no person sees.
UNSEEN = re.compile(r"display\s*:\s*none|\baria-hidden\s*=\s*[\"']true", re.IGNORECASE)
SOURCE = re.compile(r"\bsrc\s*=\s*[\"'](https?://[^\"']+)[\"']", re.IGNORECASE)
PIXEL = re.compile(r"\b(?:width|height)\s*=\s*[\"']?1(?:px)?[\"'\s/>]", re.IGNORECASE)
PLAIN_LINK = re.compile(r"https?://[^\s<>\"]+")


class Facts(NamedTuple):
    reference: str
    message_id: str
    shift: int | None
    body_at: int


class Links(NamedTuple):
    """What a recipient can follow: the open pixel, the links, the one-click unsubscribe address."""

    pixel: str
    links: list[str]
    unsubscribe: str


def printable(raw: bytes) -> str:
    text = raw.decode("utf-8", "replace")
    return text if text.isprintable() else "".join(filter(str.isprintable, text))


def _value(head: bytes, lower: bytes, name: bytes) -> bytes:
    """The first line of a header's value, also when it begins on the next line (folded)."""
    found = lower.find(name)
    if found < 0:
        return b""
    start = found + len(name)
    if head[start : start + 2] == b"\r\n" and head[start + 2 : start + 3] in (b" ", b"\t"):
        start += 2
    return head[start : head.find(b"\r\n", start)].strip()[:400]


def facts(raw: bytes) -> Facts:
    """By hand, because the standard parser takes a hundred times as long."""
    end = raw.find(BODY_AT)
    head = b"\r\n" + (raw[: end + 2] if end >= 0 else raw)
    lower = head.lower()
    local, _, _ = _value(head, lower, MESSAGE_ID).strip(b"<>").rpartition(b"@")
    message_id = printable(local)
    shift = _value(head, lower, SHIFT).decode("latin-1")
    return Facts(
        printable(_value(head, lower, REFERENCE)) or message_id,
        message_id,
        int(shift) if SECONDS.fullmatch(shift) else None,
        end + 4 if end >= 0 else len(raw),
    )


def subject(raw: bytes) -> str:
    told = str(message_from_bytes(raw[: raw.find(BODY_AT) + 4]).get("Subject", ""))
    try:
        return str(make_header(decode_header(told)))
    except (LookupError, ValueError, HeaderParseError):
        return told


def _text(part: Message) -> str:
    payload = part.get_payload(decode=True)
    return payload.decode("utf-8", "replace") if isinstance(payload, bytes) else ""


def links_in_text(text: str) -> list[str]:
    return [link.rstrip(".,;:!?)") for link in PLAIN_LINK.findall(text)]


def links_in_mail(raw: bytes) -> Links:
    message = message_from_bytes(raw)
    parts = {part.get_content_type(): part for part in message.walk()}
    unsubscribe = next(iter(re.findall(r"<(https?://[^>]+)>", str(message.get("List-Unsubscribe", "")))), "")
    one_click = unsubscribe if "one-click" in str(message.get("List-Unsubscribe-Post", "")).lower() else ""
    if "text/html" not in parts:
        plain = links_in_text(_text(parts["text/plain"])) if "text/plain" in parts else []
        return Links("", [link for link in plain if link != unsubscribe], one_click)
    html = _text(parts["text/html"])
    pixels = [SOURCE.search(image) for image in IMAGE.findall(html) if PIXEL.search(image)]
    pixel = next((unescape(source[1]) for source in pixels if source), "")
    targets = [TARGET.search(anchor) for anchor in ANCHOR.findall(html) if not UNSEEN.search(anchor)]
    links = [unescape(target[1]) for target in targets if target]
    return Links(pixel, [link for link in links if link != unsubscribe], one_click)
