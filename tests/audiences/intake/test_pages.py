"""Pages of customers, imports and the catalogue."""

from __future__ import annotations

import csv
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from audiences import consent
from audiences.intake import Kind, header, take
from audiences.intake.take import open_writer
from audiences.models import Attribute, ContactPoint, Subscription
from engage.orgs import jobs
from engage.orgs.founding import add_unit
from engage.orgs.models import AuditEntry, Job, Org, User
from engage.orgs.tenancy import org_context
from tests import factories
from tests.audiences.intake.asking import NOW, bills, customer, customers

SignedIn = Callable[[User], Client]


@pytest.fixture
def signed_in(client: Client) -> SignedIn:
    def sign_in(user: User) -> Client:
        client.force_login(user)
        return client

    return sign_in


@pytest.fixture
def manager(org: Org) -> User:
    """May see, reveal, edit and import customers."""
    return factories.member(org, "audience-manager")


@pytest.fixture
def asha(org: Org) -> int:
    """A customer with everything a page shows; the id."""
    with org_context(org.pk):
        Attribute.objects.create(org=org, key="shoe", label="Shoe size", type="number")
    customers(
        org,
        {
            "external_id": "C-1", "first_name": "Asha", "last_name": "Rao", "email": "asha@example.com",
            "phone": "+919812345670", "city": "Pune", "email_promotional": "no", "consent_at": "2026-01-01",
            "attribute.shoe": "38.5",
        },
        {"external_id": "C-2", "first_name": "Ravi", "last_name": "Ashan"},
    )  # fmt: skip
    bills(
        org,
        {"external_id": "B-1", "customer": "C-1", "at": "2026-11-01T10:00", "net": "1234.50", "store": "PUN-01",
         "lines": [{"item": "SKU-1", "quantity": "0.5", "amount": "1234.50"}]},
        {"external_id": "R-1", "customer": "C-1", "at": "2026-11-02T10:00", "net": "34.50", "kind": "return",
         "returns": "B-1"},
    )  # fmt: skip
    return customer(org, "C-1").id


def url(name: str, **kwargs: Any) -> str:
    return reverse(name, kwargs={"org": "acme", **kwargs})


def test_the_customers_page_shows_everything_with_addresses_masked(
    signed_in: SignedIn, marketer: User, asha: int
) -> None:
    """A-05, T-12"""
    page = signed_in(marketer).get(url("customer", pk=asha)).content.decode()
    for shown in ("Asha Rao", "C-1", "Pune", "a•••@example.com", "+91•••70", "Unsubscribed", "Shoe size", "38.5",
                  "B-1", "₹1,234.50", "₹1,200.00", "Return", "SKU-1"):  # fmt: skip
        assert shown in page, shown
    assert "asha@example.com" not in page
    assert "+919812345670" not in page
    assert "Show addresses" not in page


def test_showing_addresses_is_a_right_and_is_written_down(
    signed_in: SignedIn, marketer: User, manager: User, org: Org, asha: int
) -> None:
    """T-12, T-31"""
    assert signed_in(marketer).post(url("customer-reveal", pk=asha)).status_code == 403
    client = signed_in(manager)
    assert client.get(url("customer-reveal", pk=asha)).status_code == 405
    assert "asha@example.com" in client.post(url("customer-reveal", pk=asha)).content.decode()
    with org_context(org.pk):
        entry = AuditEntry.objects.for_org(org).get(action="customer.revealed")
    assert (entry.actor_id, entry.object_name) == (manager.pk, "C-1")
    assert "asha@" not in str(entry.__dict__)


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("C-1", ["C-1"]),
        ("ASHA@example.com", ["C-1"]),
        ("098123 45670", ["C-1"]),
        ("asha", ["C-1", "C-2"]),
        ("RAO", ["C-1"]),
        ("asha r", ["C-1"]),
        ("sha", []),
        ("asha@example", []),
        ("%", []),
    ],
)
def test_customers_are_found_by_id_address_or_the_beginning_of_a_name(
    signed_in: SignedIn, marketer: User, asha: int, text: str, found: list[str]
) -> None:
    """A-05, Q-26"""
    page = (
        signed_in(marketer)
        .post(url("customers"), {"q": text}, headers={"HX-Request": "true"})
        .content.decode()
    )
    assert [number for number in ("C-1", "C-2") if f">{number}<" in page] == found


def test_the_list_is_paged_by_key_and_costs_the_same_at_any_length(
    signed_in: SignedIn, marketer: User, org: Org
) -> None:
    """A-05, Q-34"""
    client = signed_in(marketer)
    customers(org, {"external_id": "C-0", "email": "a@example.com"})
    client.get(url("customers"))
    with CaptureQueriesContext(
        connection,
    ) as one:
        client.get(url("customers"))
    customers(org, *({"external_id": f"C-{n}"} for n in range(1, 60)))
    with CaptureQueriesContext(connection) as many:
        page = client.get(url("customers")).content.decode()
    assert len(many) == len(one)
    assert ">C-59<" in page
    assert ">C-9<" not in page
    older = client.get(url("customers"), {"before": customer(org, "C-10").id}).content.decode()
    assert ">C-9<" in older
    assert ">C-10<" not in older


def test_a_members_scope_limits_which_customers_exist(
    signed_in: SignedIn, org: Org, other_org: Org, asha: int
) -> None:
    """T-05, T-11, Q-09"""
    with org_context(org.pk):
        north = add_unit(org, name="North", code="north", by=None, at=NOW)
    customers(org, {"external_id": "C-2", "units": "north"})
    theirs = customers(other_org, {"external_id": "X-1"}).rows and customer(other_org, "X-1").id
    client = signed_in(factories.member(org, "audience-manager", units=[north]))
    listed = client.get(url("customers")).content.decode()
    assert ">C-2<" in listed
    assert ">C-1<" not in listed
    assert client.get(url("customer", pk=customer(org, "C-2").id)).status_code == 200
    for outside in (asha, theirs, 987654):
        for name in ("customer", "customer-purchases"):
            assert client.get(url(name, pk=outside)).status_code == 404
        for name in ("customer-reveal", "customer-clear", "customer-consent"):
            assert client.post(url(name, pk=outside)).status_code == 404
    assert client.get(url("imports")).status_code == 403


def test_staff_clear_a_bounced_address_with_a_reason(
    signed_in: SignedIn, manager: User, org: Org, asha: int
) -> None:
    """A-10, A-11, T-31"""
    with org_context(org.pk):
        contact = ContactPoint.objects.for_org(org).get(kind="email")
        consent.settle_contact(org, asha, "email", contact.key, "hard_bounced", NOW)
    client = signed_in(manager)
    assert "Hard bounced" in client.get(url("customer", pk=asha)).content.decode()
    form = {"kind": "email", "key": contact.key}
    assert "Say why" in client.post(url("customer-clear", pk=asha), form, follow=True).content.decode()
    client.post(url("customer-clear", pk=asha), {**form, "reason": "she called"})
    with org_context(org.pk):
        assert ContactPoint.objects.for_org(org).get(kind="email").state == "unproven"
        entry = AuditEntry.objects.for_org(org).get(action="contact.cleared")
    assert (entry.before, entry.after, entry.reason) == (
        {"kind": "email", "state": "hard_bounced"}, {"kind": "email", "state": "unproven"}, "she called",
    )  # fmt: skip
    assert entry.object_name == "C-1"
    assert "example.com" not in str(entry.__dict__)
    assert client.post(url("customer-clear", pk=asha), {**form, "key": "x"}).status_code == 404


def test_staff_record_what_a_customer_said(signed_in: SignedIn, manager: User, org: Org, asha: int) -> None:
    """A-07, A-11, T-31"""
    client = signed_in(manager)
    form = {"channel": "sms", "message_class": "promotional", "value": "no", "reason": ""}
    assert client.post(url("customer-consent", pk=asha), form).status_code == 422
    client.post(url("customer-consent", pk=asha), {**form, "reason": "by phone"})
    with org_context(org.pk):
        assert Subscription.objects.for_org(org).get(channel="sms").value is False
        entry = AuditEntry.objects.for_org(org).get(action="consent.recorded")
    assert (entry.before, entry.after) == ({"sms promotional": None}, {"sms promotional": False})


def upload(client: Client, text: bytes, kind: str = "customers", name: str = "my file.csv") -> Any:
    file = SimpleUploadedFile(name, text, content_type="text/csv")
    return client.post(url("import-new"), {"kind": kind, "file": file})


def test_a_file_is_looked_at_mapped_imported_and_watched(
    signed_in: SignedIn,
    manager: User,
    org: Org,
    django_capture_on_commit_callbacks: Any,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A-12, A-17, A-18"""
    rung: list[int] = []
    monkeypatch.setattr("engage.orgs.tasks.run_job.delay", lambda **ids: rung.append(ids["job_id"]))
    client = signed_in(manager)
    answer = upload(client, "No;First Name;Colour\nC-1;Zoë;red\n".encode("cp1252"))
    check = answer["Location"]
    page = client.get(check).content.decode()
    for shown in ("Western European (Windows)", "Zoë", "First Name", "my file.csv"):
        assert shown in page
    form = {"encoding": "cp1252", "delimiter": ";", "import": "1"}
    refused = client.post(check, {**form, "column-0": "?", "column-1": "first_name", "column-2": ""})
    assert refused.status_code == 422
    assert "Say which field" in refused.content.decode()
    refused = client.post(check, {**form, "column-0": "city", "column-1": "first_name", "column-2": ""})
    assert "needs a column “external_id”" in refused.content.decode()
    chosen = {**form, "column-0": "external_id", "column-1": "first_name", "column-2": ""}
    with django_capture_on_commit_callbacks(execute=True):
        answer = client.post(check, chosen)
    with org_context(org.pk):
        job = Job.objects.for_org(org).get()
    assert (answer["Location"], rung) == (url("job", pk=job.pk), [job.pk])
    with django_capture_on_commit_callbacks(execute=True):
        again = client.post(check, chosen)
    assert again["Location"] == url("job", pk=job.pk)
    assert client.get(check)["Location"] == url("job", pk=job.pk)
    jobs.run(org.pk, job.pk)
    assert customer(org, "C-1").first_name == "Zoë"
    with org_context(org.pk):
        assert Job.objects.for_org(org).count() == 1
    listed = client.get(url("imports")).content.decode()
    assert "Customers from my file.csv" in listed


def test_how_a_file_is_read_can_be_changed_before_it_is_imported(signed_in: SignedIn, manager: User) -> None:
    """A-18"""
    client = signed_in(manager)
    check = upload(client, "external_id,first_name\nC-1,Łukasz\n".encode("cp1250"))["Location"]
    page = client.get(check, {"encoding": "cp1250", "delimiter": ","}).content.decode()
    assert "Łukasz" in page
    page = client.get(check, {"encoding": "utf-8-sig", "delimiter": ","}).content.decode()
    assert "not valid Unicode" in page
    page = client.get(check, {"encoding": "../etc", "delimiter": "x"}).content.decode()
    assert "first_name" in page


@pytest.mark.parametrize(
    ("content", "reason"),
    [(b"PK\x03\x04", "Excel"), (b"", "empty"), (b"a\x00b" * 9, "NUL"), (b'id,x\n1,"a', "cut off")],
)
def test_a_file_that_cannot_be_read_is_refused_at_the_door(
    signed_in: SignedIn, manager: User, content: bytes, reason: str
) -> None:
    """Q-20"""
    answer = upload(signed_in(manager), content)
    assert answer.status_code == 422
    assert reason in answer.content.decode()


def test_a_file_over_the_orgs_limit_is_refused(signed_in: SignedIn, manager: User, org: Org) -> None:
    """Q-20, T-24"""
    answer = upload(signed_in(manager), b"external_id\n" + b"C-1\n" * 6_000_000)
    assert answer.status_code == 422
    assert "larger than 20 MB" in answer.content.decode()


def test_an_upload_belongs_to_who_made_it(
    signed_in: SignedIn, manager: User, admin: User, other_org: Org
) -> None:
    """Q-09"""
    check = upload(signed_in(manager), b"external_id\nC-1\n")["Location"]
    assert signed_in(admin).get(check).status_code == 404
    assert signed_in(manager).get(check.replace("/acme/", "/verde/")).status_code == 404
    assert signed_in(manager).get(url("import-check", token="../../x".replace("/", "."))).status_code == 404
    kept = check.rstrip("/").rpartition("/")[2]
    files = list(Path(settings.MEDIA_ROOT).rglob(f"{kept}/file"))
    assert files
    assert [path for path in files if path.stat().st_mode & 0o077] == []


def test_sample_files_can_be_imported_as_they_are(signed_in: SignedIn, manager: User, org: Org) -> None:
    """A-12, A-18"""
    with org_context(org.pk):
        Attribute.objects.create(org=org, key="shoe", label="Shoe size", type="number")
    client = signed_in(manager)
    order = (
        Kind.ZONES, Kind.STORES, Kind.PRODUCTS, Kind.CUSTOMERS, Kind.TRANSACTIONS, Kind.LINES, Kind.CLEARINGS,
    )  # fmt: skip
    assert set(order) == set(Kind)
    for kind in order:
        answer = client.get(url("import-sample", kind=kind))
        heading, cells = answer.content.decode().splitlines()
        columns = header.settle(kind, heading.split(","), _fields(org, kind))
        record = {name: cell.strip('"') for name, cell in zip(columns, _cells(cells), strict=True)}
        assert take(org, kind, [record], source="sample", at=NOW).rejected == []
    assert client.get(url("import-sample", kind="secrets")).status_code == 404


def _cells(line: str) -> list[str]:
    return next(csv.reader([line]))


def _fields(org: Org, kind: Kind) -> list[str]:
    with org_context(org.pk):
        return list(open_writer(org, kind, source="x", at=NOW).fields)


def test_stores_and_products_that_were_only_named_are_listed_as_incomplete(
    signed_in: SignedIn, marketer: User, org: Org, asha: int
) -> None:
    """A-15"""
    take(org, Kind.ZONES, [{"code": "w", "name": "West"}], source="t", at=NOW)
    take(org, Kind.STORES, [{"code": "MUM-01", "name": "Mumbai", "zone": "w"}], source="t", at=NOW)
    client = signed_in(marketer)
    page = client.get(url("stores")).content.decode()
    assert page.count("Incomplete<") == 1
    only = client.get(url("stores"), {"show": "incomplete"}, headers={"HX-Request": "true"}).content.decode()
    assert "PUN-01" in only
    assert "Mumbai" not in only
    assert "SKU-1" in client.get(url("products"), {"show": "incomplete"}).content.decode()
    assert "Mumbai" in client.get(url("stores"), {"q": "mumb"}).content.decode()
    assert "West" in client.get(url("zones")).content.decode()


@pytest.mark.parametrize("role", ["analyst", "ops", "marketer", "approver"])
def test_only_those_who_may_edit_customers_import(signed_in: SignedIn, org: Org, role: str) -> None:
    """T-12, T-13"""
    client = signed_in(factories.member(org, role))
    for name in ("imports", "import-new"):
        assert client.get(url(name)).status_code == 403
    assert client.get(url("import-sample", kind="customers")).status_code == 403
