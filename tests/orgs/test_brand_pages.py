"""An org's logo, colour and texts: set, seen, removed by who may; kept per org; in the trail."""

from __future__ import annotations

import re
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client

from engage.orgs.models import AuditEntry, Brand, LandingText, Org, OrgSettings, User
from engage.orgs.tenancy import org_context
from tests.orgs.pictures import opened, picture

pytestmark = pytest.mark.django_db
TEXTS = {"heading": "Before you go", "introduction": "", "farewell": "", "accent": "", "revision": "0"}


@pytest.fixture
def signed_in(org: Org, admin: User, client: Client) -> Client:
    client.force_login(admin)
    return client


def page(org: Org, end: str = "") -> str:
    return f"/o/{org.slug}/settings/brand/{end}"


def upload(client: Client, org: Org, content: bytes, name: str = "logo.png") -> Any:
    return client.post(page(org, "logo/"), {"file": SimpleUploadedFile(name, content, "image/png")})


def brand(org: Org) -> Brand:
    with org_context(org.pk):
        return Brand.objects.for_org(org).get()


def deeds(org: Org) -> list[str]:
    with org_context(org.pk):
        found = AuditEntry.objects.for_org(org).filter(action__startswith="brand.").order_by("seq")
        return list(found.values_list("action", flat=True))


def written(org: Org) -> dict[str, str]:
    with org_context(org.pk):
        return dict(LandingText.objects.for_org(org).values_list("language", "heading"))


def test_a_logo_is_shown_in_the_console_until_it_is_removed(org: Org, signed_in: Client) -> None:
    """T-24, T-31"""
    assert upload(signed_in, org, picture("WEBP"), "logo.webp").status_code == 302
    address = brand(org).logo_address
    shown = signed_in.get(f"/o/{org.slug}/settings/general/").content.decode()
    assert address in shown[shown.index("<aside") : shown.index("</aside>")]
    assert f'src="{address}" alt="Logo of Acme"' in signed_in.get(page(org)).content.decode()
    for _ in range(2):
        assert signed_in.post(page(org, "logo/remove/")).status_code == 302
    assert address not in signed_in.get(page(org)).content.decode()
    assert signed_in.get(address).status_code == 404
    assert bytes(brand(org).logo) == b""
    assert deeds(org) == ["brand.logo_set", "brand.logo_removed"]


def test_the_logo_is_served_to_anybody_for_long_and_as_what_it_is(
    org: Org, signed_in: Client, client: Client
) -> None:
    """T-24, H-18"""
    upload(signed_in, org, picture("JPEG"))
    answer = Client().get(brand(org).logo_address)
    assert (answer.status_code, answer["Content-Type"]) == (200, "image/png")
    assert answer["Cache-Control"] == "public, max-age=31536000, immutable"
    assert answer["X-Content-Type-Options"] == "nosniff"
    assert not answer.cookies
    assert "Cookie" not in answer.get("Vary", "")
    assert opened(answer.content).size == (300, 100)


def test_a_new_logo_has_a_new_address_and_the_old_one_ends(org: Org, signed_in: Client) -> None:
    """T-24, H-05"""
    upload(signed_in, org, picture(colour="red"))
    first = brand(org).logo_address
    upload(signed_in, org, picture(colour="blue"))
    second = brand(org).logo_address
    assert first != second
    assert [signed_in.get(address).status_code for address in (first, second)] == [404, 200]


def test_a_logo_is_found_under_its_own_org_only(org: Org, other_org: Org, signed_in: Client) -> None:
    """Q-09"""
    upload(signed_in, org, picture())
    address = brand(org).logo_address
    elsewhere = address.replace(f"/{org.pk}/", f"/{other_org.pk}/")
    never = address.replace(f"/{org.pk}/", "/987654321/")
    absurd = address.replace(f"/{org.pk}/", f"/{'9' * 30}/")
    assert [Client().get(each).status_code for each in (elsewhere, never, absurd)] == [404, 404, 404]


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"<svg/>", "export a PNG"),
        (b"", "The file is empty."),
        (picture(size=(10, 10)), "24 or more each way"),
    ],
)
def test_what_is_no_logo_is_refused_and_the_former_one_stays(
    org: Org, signed_in: Client, content: bytes, says: str
) -> None:
    """T-24, Q-31"""
    upload(signed_in, org, picture())
    before = brand(org).logo_digest
    answer = upload(signed_in, org, content)
    assert answer.status_code == 422
    assert says in answer.content.decode()
    assert brand(org).logo_digest == before
    assert "Choose a picture first." in signed_in.post(page(org, "logo/")).content.decode()


def test_texts_are_kept_for_each_language(org: Org, signed_in: Client) -> None:
    """H-18, T-31"""
    with org_context(org.pk):
        OrgSettings.objects.for_org(org).update(language="es")
    assert 'aria-current="page">Spanish' in signed_in.get(page(org)).content.decode()
    for language, heading in (("es", "Antes de irse"), ("de", "Bevor Sie gehen")):
        answer = signed_in.post(f"{page(org)}?language={language}", {**TEXTS, "heading": heading})
        assert answer["Location"] == f"{page(org)}?language={language}"
    assert written(org) == {"es": "Antes de irse", "de": "Bevor Sie gehen"}
    assert "Bevor Sie gehen" in signed_in.get(f"{page(org)}?language=de").content.decode()
    assert signed_in.get(f"{page(org)}?language=tlh").status_code == 404
    assert deeds(org) == ["brand.landing_changed"] * 2


def test_lines_are_counted_as_the_browser_counts_them(org: Org, signed_in: Client) -> None:
    """H-18, Q-36"""
    typed = {**TEXTS, "introduction": "a\r\n" * 249 + "bc"}
    assert signed_in.post(page(org), typed).status_code == 302
    with org_context(org.pk):
        assert LandingText.objects.for_org(org).get().introduction == "a\n" * 249 + "bc"


def test_saving_what_stands_there_changes_nothing(org: Org, signed_in: Client) -> None:
    """T-31"""
    for revision in ("0", "1"):
        assert signed_in.post(page(org), {**TEXTS, "revision": revision}).status_code == 302
    assert deeds(org) == ["brand.landing_changed"]


@pytest.mark.parametrize(
    ("field", "value", "says"),
    [
        (
            "heading",
            "Goodbye {customer}",
            "“{customer}” cannot be filled in here. Write {company} or {channel}",
        ),
        ("introduction", "A } alone", "A “}” stands alone"),
        ("farewell", "No more {channel}", "“{channel}” cannot be filled in here. Write {company},"),
        ("heading", "x" * 81, "at most 80 characters"),
        ("introduction", "x" * 501, "at most 500 characters"),
        ("accent", "#12345", "This is no colour"),
        ("accent", "blue", "This is no colour"),
    ],
)
def test_what_the_page_could_not_show_is_refused_and_nothing_typed_is_lost(
    org: Org, signed_in: Client, field: str, value: str, says: str
) -> None:
    """H-18, Q-31, Q-36"""
    typed = {**TEXTS, "introduction": "Typed before", "accent": "#123", field: value}
    answer = signed_in.post(page(org), typed)
    assert answer.status_code == 422
    assert says in answer.content.decode().replace("&quot;", '"')
    assert value in answer.content.decode()
    assert written(org) == {}


def test_a_save_over_someones_newer_texts_is_refused(org: Org, signed_in: Client) -> None:
    """C-18, Q-36"""
    signed_in.post(page(org), {**TEXTS, "heading": "Theirs"})
    answer = signed_in.post(page(org), {**TEXTS, "heading": "Mine"})
    assert answer.status_code == 422
    assert "Someone else saved" in answer.content.decode()
    assert 'value="Mine"' in answer.content.decode()
    assert written(org) == {"en": "Theirs"}


def test_the_standard_texts_come_back_in_one_language_or_with_the_colour_in_all(
    org: Org, signed_in: Client
) -> None:
    """H-18, T-31"""
    upload(signed_in, org, picture())
    for language in ("en", "de", "fr"):
        signed_in.post(f"{page(org)}?language={language}", {**TEXTS, "accent": "#1f5c99"})
    signed_in.post(f"{page(org, 'reset/')}?language=de")
    assert set(written(org)) == {"en", "fr"}
    assert brand(org).accent == "#1f5c99"
    signed_in.post(f"{page(org, 'reset/')}?language=de", {"all": "1"})
    assert (written(org), brand(org).accent) == ({}, "")
    assert brand(org).logo_digest
    with org_context(org.pk):
        entry = AuditEntry.objects.for_org(org).filter(action="brand.landing_reset").latest("seq")
    assert entry.before is not None
    assert entry.before["accent"] == "#1f5c99"
    assert entry.before["fr"]["heading"] == "Before you go"


def test_two_orgs_do_not_share_a_page(org: Org, other_org: Org, signed_in: Client) -> None:
    """Q-09"""
    signed_in.post(page(org), {**TEXTS, "accent": "#1f5c99"})
    assert written(other_org) == {}
    with org_context(other_org.pk):
        assert not Brand.objects.for_org(other_org).exists()


def test_the_colours_are_a_stylesheet_that_nobody_can_write_into(org: Org, signed_in: Client) -> None:
    """H-18, Q-27"""
    signed_in.post(page(org), {**TEXTS, "accent": "#1F5C99"})
    address = brand(org).colours_address
    answer = Client().get(address)
    assert answer["Content-Type"].startswith("text/css")
    assert "immutable" in answer["Cache-Control"]
    assert re.search(r"--accent: #1f5c99;", answer.content.decode())
    for wrong in (address.replace("1f5c99", "1f5c98"), "/brand/1f5c99-000000000000.css", "/brand/red-0.css"):
        assert Client().get(wrong).status_code == 404, wrong
