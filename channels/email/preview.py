"""A rendered mail read back, as its receiver would see it but with nothing tracked."""

from __future__ import annotations

from datetime import date
from email import message_from_bytes, policy
from email.message import EmailMessage
from html import escape

from channels.rendering import Compiled, Preview, Values
from channels.tokens import (
    HIDDEN_LINK,
    RunSigner,
    link_token,
    open_token,
    unsubscribe_token,
)

_NOTHING = "data:image/gif;base64,R0lGODlhAQABAAAAACwAAAAAAQABAAA="


def shown(compiled: Compiled, values: Values, tracking_url: str) -> Preview:
    """Rendered by the send's own renderer, for a delivery that never exists (run 0)."""
    signer = RunSigner(org=0, run_on=date(2000, 1, 1), run=0, links=len(compiled.links))
    raw = compiled.renderer(signer)(0, 0, "preview@example.com", values, 0).body
    message = message_from_bytes(raw, policy=policy.default)
    signed = signer.sign(0, 0)
    places = {
        f"{tracking_url}/u/{unsubscribe_token(signed).decode()}": f"{tracking_url}/u/preview",
        f"{tracking_url}/o/{open_token(signed).decode()}": _NOTHING,
        f"{tracking_url}/c/{link_token(signed, HIDDEN_LINK).decode()}": "#",
    }
    for link in compiled.links:
        address = f"{tracking_url}/c/{link_token(signed, link.number).decode()}"
        places[address] = link.target(values, compiled.slots)
    html, text = _content(message, "html"), _content(message, "plain")
    for tracked, plain in places.items():
        html = html.replace(tracked, escape(plain))
        text = text.replace(tracked, plain)
    return Preview(str(message["Subject"]), html, text)


def _content(message: EmailMessage, kind: str) -> str:
    part = message.get_body(preferencelist=(kind,))
    return str(part.get_content()) if isinstance(part, EmailMessage) else ""
