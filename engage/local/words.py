"""`make words`: bring locale/ up to date with the texts of the pages that customers see, and compile it.

The console is in English; only what is named here is translated. A test fails for a text without its translations and
for a compiled file that is older than its source.
"""

import sys
from io import BytesIO
from pathlib import Path

from babel.messages.catalog import Catalog
from babel.messages.extract import extract_python
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po, write_po
from django.conf import settings
from django.utils.translation.template import templatize

from engage.local.home import CHECKOUT

SOURCES = [
    "templates/base_public.html",
    "templates/public/unsubscribe.html",
    "templates/public/link_gone.html",
    "templates/cotton/field.html",
    "campaigns/doors/unsubscribe.py",
    "campaigns/receipts/leaving.py",
]
KEYWORDS = dict.fromkeys(["gettext", "gettext_lazy", "_"])


def texts() -> Catalog:
    """Every text of the public pages and where it stands."""
    found = Catalog()
    for source in SOURCES:
        text = (CHECKOUT / source).read_text(encoding="utf-8")
        code = templatize(text) if source.endswith(".html") else text
        for _, _, message, _ in extract_python(BytesIO(code.encode()), KEYWORDS, [], {}):
            found.add(message, locations=[(source, 1)])
    return found


def file_of(language: str) -> Path:
    """The translations into one language, for people; the compiled ones lie beside it."""
    return CHECKOUT / "locale" / language / "LC_MESSAGES" / "django.po"


def translations(language: str) -> Catalog:
    path = file_of(language)
    with path.open("rb") as file:
        return read_po(file, locale=language)


def main() -> None:
    template = texts()
    for language, _ in settings.LANGUAGES[1:]:
        path = file_of(language)
        catalog = translations(language) if path.exists() else Catalog(locale=language)
        catalog.update(template, no_fuzzy_matching=True, update_creation_date=False)
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("wb") as file:
            write_po(file, catalog, no_location=True, ignore_obsolete=True, width=110)
        with path.with_suffix(".mo").open("wb") as file:
            write_mo(file, catalog)
        missing = sum(1 for message in catalog if message.id and not message.string)
        sys.stdout.write(f"{language}: {len(catalog)} texts, {missing} without translation\n")


if __name__ == "__main__":
    main()
