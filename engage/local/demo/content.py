"""What the demo's messages say. Links lead to `.example` hosts, which do not exist."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from typing import Final

Fields = dict[str, str]


@dataclass(frozen=True)
class Look:
    """A tenant's letterhead, and the few words that stand in every mail."""

    brand: str
    site: str
    ink: str
    paper: str
    hello: str
    friend: str
    button: str
    why: str
    leave: str
    stop: str


NORTHLINE: Final = Look(
    brand="Northline",
    site="https://www.northline.example",
    ink="#14532d",
    paper="#f3f7f2",
    hello="Hello",
    friend="neighbor",
    button="See this week's coupons",
    why="You get this because you have a Northline card.",
    leave="Unsubscribe",
    stop="Stop",
)
VERDE: Final = Look(
    brand="Verde Moda",
    site="https://www.verde.example",
    ink="#7c2d12",
    paper="#faf5f0",
    hello="Hola",
    friend="amiga, amigo",
    button="Ver la colección",
    why="Recibes este correo porque te apuntaste en una de nuestras tiendas.",
    leave="Darme de baja",
    stop="Baja",
)

_FONT: Final = "font-family:Arial,Helvetica,sans-serif"
_MAIL: Final = """<table role="presentation" width="100%" cellpadding="0" cellspacing="0" style="background:{paper}">
<tr><td align="center" style="padding:24px 12px">
<table role="presentation" width="600" cellpadding="0" cellspacing="0" style="max-width:600px;background:#ffffff">
<tr><td style="padding:20px 28px;background:{ink};color:#ffffff;{font};font-size:20px">{brand}</td></tr>
<tr><td style="padding:28px;{font};font-size:16px;line-height:24px;color:#1f2933">
<h1 style="margin:0 0 16px;font-size:26px;line-height:32px;color:{ink}">{headline}</h1>
<p style="margin:0 0 16px">{hello} {{{{ customer.first_name | default: "{friend}" }}}},</p>
<p style="margin:0 0 16px">{text}</p>
<ul style="margin:0 0 20px;padding-left:20px">
{offers}
</ul>
<p style="margin:0 0 24px"><a href="{site}/{path}" style="display:inline-block;padding:12px 22px;background:{ink};\
color:#ffffff;text-decoration:none;font-weight:bold">{button}</a></p>
<p style="margin:0;font-size:14px">{closing}</p>
</td></tr>
<tr><td style="padding:16px 28px;{font};font-size:12px;line-height:18px;color:#52606d">
{why} <a href="{{{{ unsubscribe }}}}" style="color:#52606d">{leave}</a></td></tr>
</table>
</td></tr>
</table>
"""


def mail(
    look: Look, *, subject: str, preview: str, headline: str, text: str, offers: Sequence[str], path: str,
    closing: str,
) -> Fields:  # fmt: skip
    """The fields of an e-mail. `closing` may hold merge tags; everything else is plain text."""
    html = _MAIL.format(
        font=_FONT,
        paper=look.paper,
        ink=look.ink,
        brand=escape(look.brand),
        headline=escape(headline),
        hello=look.hello,
        friend=look.friend,
        text=escape(text),
        offers="\n".join(f"<li>{escape(offer)}</li>" for offer in offers),
        site=look.site,
        path=path,
        button=escape(look.button),
        closing=closing,
        why=escape(look.why),
        leave=escape(look.leave),
    )
    return {"subject": subject, "preview": preview, "html": html, "text": ""}


def text(look: Look, words: str, *, path: str) -> Fields:
    """The fields of a text message, with a link and the way out."""
    return {
        "text": f"{look.brand}: {words} {look.site}/{path} {look.stop}: {{{{ unsubscribe }}}}",
        "allow_unicode": "",
    }
