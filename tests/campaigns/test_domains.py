"""A host of the org's own for its links: proved by a real name server, used, given up."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from django.test import Client
from pytest_django import Settings

from campaigns import domains, versions
from campaigns.models import TrackingDomain
from engage.orgs.models import AuditEntry, Org, OrgSettings, User
from engage.orgs.tenancy import org_context
from tests import factories
from tests.campaigns.factories import Story
from tests.channels.name_server import serving
from tests.factories import NOW

pytestmark = pytest.mark.django_db
HOST = "links.acme.example"


class Records:
    """What the DNS says; published while the server runs."""

    def __init__(self) -> None:
        self.texts: dict[str, list[str]] = {}
        self.aliases: dict[str, str] = {}

    def publish(self, domain: TrackingDomain) -> None:
        self.texts[f"_engage.{domain.host}"] = [f'"{domain.token}"']
        self.aliases[domain.host] = "go.engage.example"


@pytest.fixture
def records(settings: Settings) -> Iterator[Records]:
    settings.TRACKING_URL = "https://go.engage.example"
    settings.ALLOWED_HOSTS = [*settings.ALLOWED_HOSTS, "go.engage.example"]
    found = Records()
    with serving(found.texts, aliases=found.aliases) as settings.DNS_SERVER:
        yield found


def page(org: Org) -> str:
    return f"/o/{org.slug}/settings/domain/"


def only(org: Org) -> TrackingDomain:
    return TrackingDomain.objects.for_org(org).get()


def use(org: Org, admin: User, records: Records, host: str = HOST) -> TrackingDomain:
    with org_context(org.pk):
        domain = domains.choose(org, host, by=admin, at=NOW)
        records.publish(domain)
        domains.verify(domain, by=admin, at=NOW)
    return domain


def test_a_host_is_used_only_once_both_records_prove_it(
    org: Org, admin: User, client: Client, records: Records
) -> None:
    """T-24, T-31, H-20"""
    client.force_login(admin)
    assert client.post(page(org), {"act": "choose", "host": f" {HOST.upper()}. "}).status_code == 302
    assert only(org).token in client.get(page(org)).content.decode()
    verify = {"act": "verify"}
    assert "does not hold the text yet" in client.post(page(org), verify).content.decode()
    records.publish(only(org))
    records.aliases[HOST] = "elsewhere.example"
    assert "does not lead to go.engage.example yet" in client.post(page(org), verify).content.decode()
    assert domains.tracking_url(org) == "https://go.engage.example"
    records.publish(only(org))
    assert client.post(page(org), verify).status_code == 302
    assert domains.tracking_url(org) == f"https://{HOST}"
    with org_context(org.pk):
        deeds = AuditEntry.objects.for_org(org).filter(action__startswith="domain.").order_by("id")
        assert [entry.action for entry in deeds] == ["domain.chosen", "domain.used"]


@pytest.mark.parametrize(
    "nonsense",
    ["https://links.acme.example/", "links", "127.0.0.1", "go.engage.example", "a b.example", "..", ""],
)
def test_what_is_no_host_of_their_own_is_refused_and_kept_in_the_field(
    org: Org, admin: User, client: Client, records: Records, nonsense: str
) -> None:
    """T-24, Q-28, Q-36"""
    client.force_login(admin)
    answer = client.post(page(org), {"act": "choose", "host": nonsense})
    assert answer.status_code == 422
    assert f'value="{nonsense}"' in answer.content.decode() or not nonsense
    assert not TrackingDomain.objects.for_org(org).exists()


def test_a_silent_name_server_is_told_and_changes_nothing(
    org: Org, admin: User, client: Client, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    """T-24, Q-35"""
    monkeypatch.setattr(domains, "SECONDS", 0.2)
    client.force_login(admin)
    client.post(page(org), {"act": "choose", "host": HOST})
    with serving({}, mute=True) as settings.DNS_SERVER:
        assert "did not answer" in client.post(page(org), {"act": "verify"}).content.decode()
    assert only(org).verified_at is None


def test_a_host_belongs_to_one_org(org: Org, other_org: Org, admin: User, records: Records) -> None:
    """T-01, T-24: and whoever cannot prove it hears nothing about who has it."""
    use(org, admin, records)
    with org_context(other_org.pk):
        theirs = domains.choose(other_org, HOST, by=factories.member(other_org, "admin"), at=NOW)
        with pytest.raises(domains.DomainRefused, match="does not hold the text yet"):
            domains.verify(theirs, by=admin, at=NOW)
        records.publish(theirs)
        with pytest.raises(domains.DomainRefused, match="in use elsewhere"):
            domains.verify(theirs, by=admin, at=NOW)
        assert domains.tracking_url(other_org) == "https://go.engage.example"


def test_another_host_changes_what_was_approved(inside: Org, records: Records) -> None:
    """C-29, Q-11"""
    story = Story(inside)
    message = story.to("draft")
    settings = OrgSettings.objects.for_org(inside).get()
    before = versions.build(message, message.campaign, settings)
    use(inside, story.admin, records)
    after = versions.build(message, message.campaign, settings)
    assert (before.tracking_url, after.tracking_url) == ("https://go.engage.example", f"https://{HOST}")
    assert before.text() != after.text()


def test_links_sent_under_a_host_that_was_given_up_go_on_answering(
    org: Org, admin: User, client: Client, records: Records
) -> None:
    """T-24, H-20"""
    use(org, admin, records)
    client.force_login(admin)
    assert client.post(page(org), {"act": "give_up"}).status_code == 302
    assert domains.tracking_url(org) == "https://go.engage.example"
    assert domains.answers(HOST)
    with org_context(org.pk):
        domains.choose(org, HOST, by=admin, at=NOW)
    assert domains.tracking_url(org) == f"https://{HOST}"


def test_under_an_orgs_host_only_the_public_doors_answer(org: Org, admin: User, records: Records) -> None:
    """T-24, H-15, Q-09"""
    stranger = Client()
    for known in (False, True):
        if known:
            use(org, admin, records)
        for path, status in (("/u/preview", 200), ("/sign-in/", 404), (f"/o/{org.slug}/campaigns/", 404)):
            answer = stranger.get(path, headers={"host": HOST}, secure=True)
            assert answer.status_code == (status if known else 400)
        wanted = stranger.get("/certificate-wanted", {"domain": HOST})
        assert wanted.status_code == (200 if known else 404)
