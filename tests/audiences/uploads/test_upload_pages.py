"""The pages that make a list of a file."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from django.urls import reverse

from audiences import lists
from audiences.models import Audience, Customer, CustomerUnit
from audiences.uploads import making
from engage.orgs import jobs
from engage.orgs.founding import add_unit
from engage.orgs.models import Job, Org, OrgUnit, User
from engage.orgs.tenancy import org_context
from tests import factories
from tests.audiences.factories import customer, uploaded
from tests.audiences.uploads.asking import finished, listed, members
from tests.factories import NOW

pytestmark = pytest.mark.django_db
SignedIn = Callable[[User], Client]


@pytest.fixture
def signed_in(client: Client) -> SignedIn:
    def sign_in(user: User) -> Client:
        client.force_login(user)
        return client

    return sign_in


@pytest.fixture(autouse=True)
def people(org: Org) -> dict[str, Customer]:
    with org_context(org.pk):
        return {name: customer(org, external_id=name, email=f"{name.lower()}@example.com") for name in "ABC"}


def url(name: str, **kwargs: Any) -> str:
    return reverse(name, kwargs={"org": "acme", **kwargs})


def upload(client: Client, content: bytes, *, name: str = "winter-list.csv", onto: int | None = None) -> Any:
    address = url("audience-upload-more", pk=onto) if onto else url("audience-upload")
    return client.post(address, {"file": SimpleUploadedFile(name, content, content_type="text/csv")})


def form_of(page: str) -> dict[str, str]:
    """What a browser would post of the page as it stands."""
    found = dict(re.findall(r'<input type="(?:hidden|text)" name="([\w-]+)" value="([^"]*)"', page))
    for name, options in re.findall(r'<select name="([\w-]+)".*?>(.*?)</select>', page, re.DOTALL):
        chosen = re.search(r'<option value="([^"]*)" selected>', options) or re.search(
            r'<option value="([^"]*)"', options
        )
        assert chosen
        found[name] = chosen[1]
    return found


def begun(org: Org) -> list[Job]:
    with org_context(org.pk):
        return list(Job.objects.for_org(org).filter(kind=making.JOB_KIND))


def test_a_file_is_looked_at_and_made_a_list_only_when_told(
    signed_in: SignedIn, marketer: User, org: Org, django_capture_on_commit_callbacks: Any,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    """A-18, A-19, A-25"""
    rung: list[int] = []
    monkeypatch.setattr("engage.orgs.tasks.run_job.delay", lambda **ids: rung.append(ids["job_id"]))
    client = signed_in(marketer)
    check = upload(client, "E-Mail;Größe;note\na@example.com;M;x\nb@example.com;L;y\n".encode("cp1252"))[
        "Location"
    ]
    page = client.get(check).content.decode()
    for shown in ("Western European (Windows)", "Größe", "a@example.com", "winter-list.csv"):
        assert shown in page
    form = form_of(page)
    assert (form["name"], form["header"], form["delimiter"]) == ("winter list", "yes", ";")
    assert (form["column-0"], form["column-1"], form["column-2"]) == ("email", "", "")
    assert begun(org) == []

    form |= {"make": "1", "column-1": "tag", "tag-1": "Größe", "name": " Winter  2026 ", "unit": "org"}
    with django_capture_on_commit_callbacks(execute=True):
        answer = client.post(check, form)
    (job,) = begun(org)
    there = url("audience-upload-job", pk=job.pk)
    assert (answer["Location"], rung) == (there, [job.pk])
    assert "hx-trigger" in client.get(there).content.decode()
    assert client.get(url("job", pk=job.pk))["Location"] == there
    jobs.run(org.pk, job.pk)
    assert members(org, job) == {"A": ["M"], "B": ["L"]}
    page = client.get(there).content.decode()
    for shown in ("The list is ready", "Winter 2026", "Can be reached by", "E-mail"):
        assert shown in page
    assert "hx-trigger" not in page
    assert not list(Path(settings.MEDIA_ROOT).rglob(f"{check.rstrip('/').rpartition('/')[2]}/file"))


def test_a_form_posted_twice_makes_one_list(signed_in: SignedIn, marketer: User, org: Org) -> None:
    """A-25, Q-19"""
    client = signed_in(marketer)
    check = upload(client, b"id\nA\n")["Location"]
    form = form_of(client.get(check).content.decode()) | {"make": "1"}
    first, second = client.post(check, form), client.post(check, form)
    assert first["Location"] == second["Location"] == client.get(check)["Location"]
    assert len(begun(org)) == 1


def test_what_was_typed_stays_when_the_file_is_read_another_way(
    signed_in: SignedIn, marketer: User, org: Org
) -> None:
    """A-18, Q-36"""
    client = signed_in(marketer)
    check = upload(client, "id,gift\nA,Łódź\n".encode("cp1250"))["Location"]
    form = form_of(client.get(check).content.decode())
    form |= {"name": "Mine", "encoding": "cp1250", "column-1": "tag", "tag-1": "Town"}
    page = client.post(check, form | {"read": "1"}).content.decode()
    assert "Łódź" in page
    again = form_of(page)
    assert (again["name"], again["column-1"], again["tag-1"]) == ("Mine", "tag", "Town")
    # Told to go on with a reading that nobody has seen, the page shows it first.
    other = client.post(check, again | {"make": "1", "header": "no"})
    assert "The file is read differently now" in other.content.decode()
    assert "is already a customer" in other.content.decode()
    assert begun(org) == []


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"column-0": ""}, "Say which column identifies"),
        ({"column-1": "external_id"}, "Two columns are the External id"),
        ({"column-1": "tag", "tag-1": "उपहार"}, "Latin letters or digits"),
        ({"column-1": "nonsense"}, "not one of the available choices"),
        ({"name": " "}, "required"),
        ({"name": "x" * 101}, "at most 100"),
        ({"unit": "987654"}, "not one of the available choices"),
        ({"encoding": "utf-16-le", "reading": ""}, "read differently"),
    ],
)
def test_a_form_that_does_not_fit_starts_nothing_and_says_why(
    signed_in: SignedIn, admin: User, org: Org, changes: dict[str, str], why: str
) -> None:
    """A-19, Q-31"""
    client = signed_in(admin)
    check = upload(client, b"id,gift\nA,Mug\n")["Location"]
    form = form_of(client.get(check).content.decode()) | {"make": "1"} | changes
    answer = client.post(check, form)
    assert why in answer.content.decode()
    assert begun(org) == []


@pytest.mark.parametrize(
    ("content", "reason"),
    [(b"PK\x03\x04", "Excel"), (b"", "empty"), (b"a\x00b" * 9, "NUL"), (b'id,x\n1,"a', "cut off")],
)
def test_a_file_that_cannot_be_read_is_refused_at_the_door(
    signed_in: SignedIn, marketer: User, content: bytes, reason: str
) -> None:
    """A-18, Q-20"""
    answer = upload(signed_in(marketer), content)
    assert answer.status_code == 422
    assert reason in answer.content.decode()


def test_a_file_that_breaks_further_down_is_refused_before_anything_begins(
    signed_in: SignedIn, marketer: User, org: Org
) -> None:
    """A-18, Q-20"""
    client = signed_in(marketer)
    check = upload(client, b"id,x\n" + b"A,1\n" * 40 + b'B,"\n')["Location"]
    answer = client.post(check, form_of(client.get(check).content.decode()) | {"make": "1"})
    assert (answer.status_code, "cut off" in answer.content.decode(), begun(org)) == (422, True, [])


def test_sizes_have_limits_that_the_page_names(signed_in: SignedIn, marketer: User, org: Org) -> None:
    """A-18, T-24"""
    client = signed_in(marketer)
    with org_context(org.pk):
        factories.settings_of(org, upload_megabytes=1)
    page = client.get(url("audience-upload")).content.decode()
    assert "At most 1 MB and 10,00,000 rows" in page
    answer = upload(client, b"id\n" + b"A\n" * 600_000)
    assert (answer.status_code, "larger than 1 MB" in answer.content.decode()) == (422, True)


def test_the_sample_file_makes_a_list_as_it_is(signed_in: SignedIn, marketer: User, org: Org) -> None:
    """A-18, Q-21"""
    with org_context(org.pk):
        customer(org, external_id="C-1001", email="asha@example.com", phone="+919812345670")
        customer(org, external_id="C-1002")
    client = signed_in(marketer)
    sample = client.get(url("audience-upload-sample")).content
    check = upload(client, sample)["Location"]
    form = form_of(client.get(check).content.decode())
    assert [form[f"column-{n}"] for n in range(4)] == ["external_id", "email", "phone", ""]
    client.post(check, form | {"make": "1", "column-3": "tag"})
    (job,) = begun(org)
    jobs.run(org.pk, job.pk)
    assert members(org, job) == {"C-1001": ["A ceramic mug"], "C-1002": ["Two tea towels"]}
    again = form_of(client.get(upload(client, sample)["Location"]).content.decode())
    assert (again["column-3"], again["tag-3"]) == ("tag", "gift")


def test_rejected_rows_are_told_by_reason_and_come_back_to_the_same_list(
    signed_in: SignedIn, marketer: User, org: Org
) -> None:
    """A-23, A-24"""
    client = signed_in(marketer)
    check = upload(client, b"id\nA\nX\nY>\n")["Location"]
    client.post(check, form_of(client.get(check).content.decode()) | {"make": "1"})
    (job,) = begun(org)
    jobs.run(org.pk, job.pk)
    audience = listed(org, job)
    page = client.get(url("audience-upload-job", pk=job.pk)).content.decode()
    more = url("audience-upload-more", pk=audience.pk)
    for shown in ("unknown_customer", "bad_code", "Over half of the rows were rejected", "Use anyway", more):
        assert shown in page, shown
    rejected = client.get(url("job-file", pk=job.pk, which="errors")).getvalue()
    check = upload(client, rejected.replace(b"X", b"B"), onto=audience.pk)["Location"]
    page = client.get(check).content.decode()
    assert 'name="name"' not in page
    assert "Add the rows" in page
    client.post(check, form_of(page) | {"make": "1"})
    again = begun(org)[0]
    jobs.run(org.pk, again.pk)
    assert sorted(members(org, again)) == ["A", "B"]
    assert listed(org, again).pk == audience.pk
    page = client.get(url("audience-upload-job", pk=job.pk)).content.decode()
    assert "Use anyway" not in page


def test_an_upload_is_cancelled_on_its_page(signed_in: SignedIn, marketer: User, org: Org) -> None:
    """A-25"""
    client = signed_in(marketer)
    check = upload(client, b"id\nA\n")["Location"]
    client.post(check, form_of(client.get(check).content.decode()) | {"make": "1"})
    (job,) = begun(org)
    there = url("audience-upload-job", pk=job.pk)
    assert url("job-cancel", pk=job.pk) in client.get(there).content.decode()
    assert client.post(url("job-cancel", pk=job.pk))["Location"] == there
    jobs.run(org.pk, job.pk)
    page = client.get(there).content.decode()
    assert "Cancelled" in page
    assert "The list is ready" not in page
    with org_context(org.pk):
        assert not Audience.objects.for_org(org).exists()


@pytest.fixture
def north(org: Org) -> OrgUnit:
    with org_context(org.pk):
        return add_unit(org, name="North", code="north", by=None, at=NOW)


def test_a_units_member_makes_lists_of_its_own_customers_only(
    signed_in: SignedIn, org: Org, north: OrgUnit, people: dict[str, Customer]
) -> None:
    """T-05, T-10, A-21"""
    with org_context(org.pk):
        CustomerUnit.objects.create(org=org, customer_id=people["A"].id, unit_id=north.pk)
    client = signed_in(factories.member(org, "audience-manager", units=[north]))
    check = upload(client, b"id\nA\nB\n")["Location"]
    page = client.get(check).content.decode()
    assert 'name="unknown"' not in page
    form = form_of(page)
    assert form["unit"] == str(north.pk)
    assert client.post(check, form | {"make": "1", "unit": "org"}).status_code == 422
    client.post(check, form | {"make": "1", "unknown": "create"})
    (job,) = begun(org)
    jobs.run(org.pk, job.pk)
    assert sorted(members(org, job)) == ["A"]
    assert listed(org, job).unit_id == north.pk


def test_creating_customers_is_offered_to_those_who_may_edit_them(
    signed_in: SignedIn, marketer: User, org: Org
) -> None:
    """A-21, T-12"""
    client = signed_in(marketer)
    check = upload(client, b"id\nN\nA\n")["Location"]
    form = form_of(client.get(check).content.decode())
    assert "unknown" not in form
    client.post(check, form | {"make": "1", "unknown": "create"})
    jobs.run(org.pk, begun(org)[0].pk)
    assert finished(org, begun(org)[0]).counts["rejected"] == 1
    client = signed_in(factories.member(org, "audience-manager"))
    check = upload(client, b"id\nN\nA\n")["Location"]
    form = form_of(client.get(check).content.decode())
    assert form["unknown"] == "reject"
    client.post(check, form | {"make": "1", "unknown": "create"})
    jobs.run(org.pk, begun(org)[0].pk)
    assert finished(org, begun(org)[0]).counts["created customers"] == 1


def test_a_file_and_its_job_are_their_owners(
    signed_in: SignedIn, marketer: User, admin: User, org: Org, other_org: Org, north: OrgUnit
) -> None:
    """Q-09, T-11"""
    check = upload(signed_in(marketer), b"id\nA\n")["Location"]
    for address in (check.replace("/acme/", "/verde/"), url("import-check", token=check.split("/")[-2])):
        assert signed_in(marketer).get(address).status_code in {403, 404}
    assert signed_in(admin).get(check).status_code == 404
    assert signed_in(admin).get(url("import-check", token=check.split("/")[-2])).status_code == 404
    client = signed_in(marketer)
    client.post(check, form_of(client.get(check).content.decode()) | {"make": "1"})
    job = begun(org)[0]
    jobs.run(org.pk, job.pk)
    another = signed_in(factories.member(org, "marketer"))
    assert another.get(url("audience-upload-job", pk=job.pk)).status_code == 404
    # An operator of a unit sees that the job went, not the org's list.
    operator = signed_in(factories.member(org, "ops", units=[north]))
    page = operator.get(url("audience-upload-job", pk=job.pk))
    assert (page.status_code, "The list is ready" in page.content.decode()) == (200, False)


def test_rows_are_added_to_lists_in_scope_that_stand(
    signed_in: SignedIn, admin: User, org: Org, other_org: Org, north: OrgUnit, people: dict[str, Customer]
) -> None:
    """Q-09, T-11, A-45"""
    with org_context(org.pk):
        mine = uploaded(org, admin, [people["A"]])
        theirs = uploaded(org, admin, [people["A"]], unit=north)
        gone = uploaded(org, admin, [people["A"]])
        lists.archive(gone, by=admin, at=NOW)
        Audience.objects.for_org(org).filter(pk=(other := uploaded(org, admin, [])).pk).update(kind="filter")
    with org_context(other_org.pk):
        foreign = uploaded(other_org, factories.member(other_org, "admin"), [])
    client = signed_in(admin)
    found = {one.pk: client.get(url("audience-upload-more", pk=one.pk)).status_code for one in (mine, theirs)}
    assert set(found.values()) == {200}
    for one in (gone, other, foreign):
        assert client.get(url("audience-upload-more", pk=one.pk)).status_code == 404
    northern = signed_in(factories.member(org, "marketer", units=[north]))
    assert northern.get(url("audience-upload-more", pk=mine.pk)).status_code == 404
    assert northern.get(url("audience-upload-more", pk=theirs.pk)).status_code == 200
