"""The landing page is its org's: logo, colour and texts, in one language, in every state; escaped, and acting on nobody
where it is only looked at."""

from __future__ import annotations

import io
import re
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from audiences.models import Subscription
from campaigns.models import TrackingDomain
from campaigns.receipts import leaving
from channels.tokens import RunSigner, unsubscribe_token
from engage.orgs import brand
from engage.orgs.access import access_of
from engage.orgs.languages import SPOKEN
from engage.orgs.models import Org, OrgSettings, User
from engage.orgs.tenancy import org_context
from tests import factories
from tests.campaigns.receipts.ledgers import Ledger, ledger_of
from tests.factories import NOW
from tests.orgs.pictures import picture

STANDARD = {"heading": "", "introduction": "", "farewell": ""}
OWN = {
    "de": {
        "heading": "Schade",
        "introduction": "Was soll {company} lassen?",
        "farewell": "Bis bald, {company}",
    },
    "es": {"heading": "Qué pena", "introduction": "¿Nada más por {channel}?", "farewell": "Hasta pronto"},
}


@pytest.fixture
def ledger(org: Org) -> Ledger:
    with org_context(org.pk):
        return ledger_of(org, 1)


@pytest.fixture
def dressed(ledger: Ledger, admin: User) -> brand.Face:
    """The org speaks Spanish and has a logo, a colour, and texts in two languages."""
    org = ledger.org
    with org_context(org.pk):
        by = access_of(admin, org)
        assert by is not None
        OrgSettings.objects.for_org(org).update(language="es")
        content = picture()
        brand.set_logo(io.BytesIO(content), len(content), by=by, at=NOW)
        for language, texts in OWN.items():
            brand.save_landing(language, texts, "#1f5c99", read_revision=0, by=by, at=NOW)
        face = brand.face_of(org.pk)
    assert face is not None
    return face


def path_of(ledger: Ledger) -> str:
    return f"/u/{unsubscribe_token(ledger.signer().sign(ledger.people[1], 1)).decode()}"


def path_of_a_test(ledger: Ledger, org: Org) -> str:
    signer = RunSigner(org=org.pk, run_on=ledger.run.run_on, run=0)
    return f"/u/{unsubscribe_token(signer.sign(ledger.people[1], 1)).decode()}"


def told(answer: Any) -> tuple[str, str]:
    """The page and its language."""
    page = answer.content.decode()
    found = re.search(r'<html lang="([\w-]+)"', page)
    assert found is not None
    return page, found[1]


def get(path: str, accepted: str = "") -> tuple[str, str]:
    return told(Client().get(path, headers={"Accept-Language": accepted}))


def wears(page: str, face: brand.Face) -> bool:
    return f'src="{face.logo}"' in page and f'href="{face.colours}"' in page


def test_every_state_wears_the_orgs_logo_and_colour(ledger: Ledger, dressed: brand.Face) -> None:
    """H-18"""
    path = path_of(ledger)
    asked = Client().get(path)
    left = Client().post(path, {"scope": "channel"})
    undo = re.search(r'name="undo" value="([^"]+)"', left.content.decode())
    assert undo is not None
    stays = Client().post(path, {"undo": undo[1]})
    wrong = Client().post(path, {"scope": "galaxy"})
    refused = Client().post(path, {"undo": "forged"})
    test = Client().get(path_of_a_test(ledger, ledger.org))
    pages = [told(answer)[0] for answer in (asked, left, stays, wrong, refused, test)]
    assert [wears(page, dressed) for page in pages] == [True] * 6
    assert all(f'alt="{dressed.company}"' in page and "Engage" not in page for page in pages)


def test_a_damaged_link_and_a_previews_know_no_org(ledger: Ledger, dressed: brand.Face) -> None:
    """H-17, H-18: they speak the browser's language, else English"""
    for path in ("/u/nonsense", "/u/preview"):
        page, language = get(path, "de")
        assert language == "de"
        assert not wears(page, dressed)
        assert dressed.company not in page
        assert get(path)[1] == "en"


@pytest.mark.parametrize(
    ("accepted", "language", "heading"),
    [("de-CH,fr;q=0.5", "de", "Schade"), ("", "es", "Qué pena"), ("pl", "es", "Qué pena"),
     ("fr", "fr", "Se désabonner"), ("en-GB", "en", "Unsubscribe")],
)  # fmt: skip
def test_the_page_is_in_one_language_and_says_which(
    ledger: Ledger, dressed: brand.Face, accepted: str, language: str, heading: str
) -> None:
    """H-18: where the org wrote nothing in the reader's language, the standard words stand, never another language"""
    page, said = get(path_of(ledger), accepted)
    assert said == language
    assert f"<h1>{heading}</h1>" in page
    assert [one for one in OWN if OWN[one]["heading"] in page] == [language] * (language in OWN)


@pytest.mark.parametrize("language", sorted(SPOKEN))
def test_every_language_of_the_product_is_spoken_in_every_state(ledger: Ledger, language: str) -> None:
    """H-18, Q-31"""
    path, accepted = path_of(ledger), {"Accept-Language": language}
    asked = Client().get(path, headers=accepted)
    left = Client().post(path, {"scope": "all"}, headers=accepted)
    for answer in (
        asked,
        left,
        Client().get("/u/nonsense", headers=accepted),
        Client().get("/ZZZZZZZZZ", headers=accepted),
    ):
        page, said = told(answer)
        assert said == language
        english = re.search(r"Unsubscribe|You are|offers|This link|incomplete|Undo|\(optional", page)
        assert (english is not None) is (language == "en"), english
        assert f'dir="{"rtl" if language == "ar" else "ltr"}"' in page


def test_company_and_channel_are_filled_in(ledger: Ledger, dressed: brand.Face) -> None:
    """H-18"""
    assert f"Was soll {dressed.company} lassen?" in get(path_of(ledger), "de")[0]
    assert "¿Nada más por correo electrónico?" in get(path_of(ledger), "es")[0]
    left = Client().post(path_of(ledger), {"scope": "channel"}, headers={"Accept-Language": "de"})
    page = told(left)[0]
    assert f"Bis bald, {dressed.company}" in page
    assert "per E-Mail. Das gilt ab sofort." in page


def test_own_texts_are_text(ledger: Ledger, admin: User) -> None:
    """H-18, Q-27: not markup, not a template, and a name that looks like a placeholder is not read again"""
    with org_context(ledger.org.pk):
        by = access_of(admin, ledger.org)
        assert by is not None
        OrgSettings.objects.for_org(ledger.org).update(legal_name="{channel} <b>& Sons")
        texts = {
            **STANDARD,
            "heading": "<script>x</script>",
            "introduction": "{company} %(company)s {{ face }}\nb",
        }
        brand.save_landing("en", texts, "", read_revision=0, by=by, at=NOW)
    page, _ = get(path_of(ledger), "en")
    assert "<h1>&lt;script&gt;x&lt;/script&gt;</h1>" in page
    assert "{channel} &lt;b&gt;&amp; Sons %(company)s {{ face }}<br>b" in page


def test_the_page_and_what_it_loads_answer_under_the_orgs_own_host(
    ledger: Ledger, dressed: brand.Face
) -> None:
    """T-24, H-18"""
    TrackingDomain.objects.create(
        org=ledger.org, host="links.acme.example", token="t", created_at=NOW, verified_at=timezone.now()
    )
    for path in (path_of(ledger), dressed.logo, dressed.colours):
        assert Client().get(path, headers={"Host": "links.acme.example"}).status_code == 200, path


def test_the_preview_is_the_customers_page_and_acts_on_nobody(
    ledger: Ledger, dressed: brand.Face, admin: User
) -> None:
    """H-18"""
    client = Client(enforce_csrf_checks=True)
    client.force_login(admin)
    page = f"/o/{ledger.org.slug}/settings/brand/page/?language=de"
    seen = client.get(page).content.decode()
    assert seen == get(path_of(ledger), "de")[0]
    assert "Sie sind abgemeldet." in client.post(page, {"scope": "all"}).content.decode()
    assert "auf keinem Weg" in client.post(page, {"scope": "all"}).content.decode()
    assert "Rückgängig gemacht." in client.post(page, {"undo": "preview"}).content.decode()
    with org_context(ledger.org.pk):
        assert ledger.events() == []
        assert not Subscription.objects.for_org(ledger.org).filter(value=False).exists()


def test_what_is_typed_is_seen_before_customers_see_it(ledger: Ledger, admin: User) -> None:
    """H-18"""
    client = Client()
    client.force_login(admin)
    page = f"/o/{ledger.org.slug}/settings/brand/page/?language=de"
    typed = {**STANDARD, "heading": "Noch nicht gesagt", "accent": "#abc", "revision": "0"}
    seen = client.post(page, typed).content.decode()
    assert "<h1>Noch nicht gesagt</h1>" in seen
    assert "/brand/aabbcc-" in seen
    assert "Noch nicht gesagt" not in get(path_of(ledger), "de")[0]
    wrong = client.post(page, typed | {"heading": "{nobody}"})
    assert wrong.status_code == 422
    assert "cannot be filled in" in wrong.content.decode()
    assert f'action="/o/{ledger.org.slug}/settings/brand/?language=de"' in wrong.content.decode()


def test_an_undo_that_is_too_late_says_so_in_the_pages_language(ledger: Ledger, monkeypatch: Any) -> None:
    """H-18"""
    path = path_of(ledger)
    undo = re.search(
        r'name="undo" value="([^"]+)"', Client().post(path, {"scope": "channel"}).content.decode()
    )
    assert undo is not None
    monkeypatch.setattr(leaving, "UNDO_WITHIN", 0 * leaving.UNDO_WITHIN)
    answer = Client().post(path, {"undo": undo[1]}, headers={"Accept-Language": "es"})
    assert answer.status_code == 400
    assert "Solo se puede deshacer durante una hora." in answer.content.decode()


def test_nobody_without_the_right_previews_or_changes(ledger: Ledger, org: Org) -> None:
    """T-13"""
    client = Client()
    client.force_login(factories.member(org, "marketer"))
    for end in ("", "page/"):
        assert client.get(f"/o/{org.slug}/settings/brand/{end}").status_code == 403
