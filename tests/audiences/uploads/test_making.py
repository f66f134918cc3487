"""What becomes of a list's file: accepted, merged and rejected rows, versions, and no list at all."""

from __future__ import annotations

from pathlib import Path

import pytest
from django.conf import settings
from django.db import connection

from audiences import lists, selection
from audiences.models import Audience, AudienceVersion, Customer, ListMember
from campaigns import merge_sql
from engage.orgs import jobs
from engage.orgs.access import access_of
from engage.orgs.models import AuditEntry, Job, Org, OrgSettings, User
from engage.orgs.tenancy import org_context
from tests.audiences.factories import asks, customer, tree
from tests.audiences.uploads.asking import (
    EMAIL,
    ID,
    OUT,
    begin,
    codes,
    errors,
    finished,
    listed,
    made,
    members,
)
from tests.factories import NOW

pytestmark = pytest.mark.django_db


@pytest.fixture
def people(org: Org) -> dict[str, Customer]:
    with org_context(org.pk):
        return {name: customer(org, external_id=name, email=f"{name}@example.com") for name in "ABCDE"}


@pytest.mark.usefixtures("people")
def test_rows_in_are_accepted_merged_and_rejected_and_the_last_tags_win(
    org: Org, marketer: User, tmp_path: Path
) -> None:
    """A-22, A-19"""
    text = "gift,id,note\nMug,A,x\nTowel,B,x\nCup,A,\nCup,Z,\n,B,\n"
    job = made(org, marketer, tmp_path, text, "Gift", ID, OUT)
    assert (job.status, job.done, job.total) == ("done", 5, 5)
    assert job.counts == {"accepted": 2, "merged duplicates": 2, "rejected": 1}
    assert sum(job.counts.values()) == job.done
    assert members(org, job) == {"A": ["Cup"], "B": [""]}
    assert job.parameters["reasons"] == {"unknown_customer": 1}


@pytest.mark.usefixtures("people")
@pytest.mark.parametrize("batch", [1, 2, 3])
def test_duplicates_merge_wherever_a_batch_ends(
    org: Org, marketer: User, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, batch: int
) -> None:
    """A-22"""
    monkeypatch.setattr("audiences.uploads.making.BATCH", batch)
    text = "id,gift\nA,1\nB,2\nA,3\nZ,9\nB,4\nA,5\n"
    job = made(org, marketer, tmp_path, text, ID, "Gift")
    assert job.counts == {"accepted": 2, "merged duplicates": 3, "rejected": 1}
    assert members(org, job) == {"A": ["5"], "B": ["4"]}


@pytest.mark.usefixtures("people")
def test_the_list_says_who_made_it_of_what_and_is_counted(org: Org, marketer: User, tmp_path: Path) -> None:
    """A-23, A-25, A-43, T-31"""
    job = made(org, marketer, tmp_path, "id\nA\nB\nZ\n", ID, name="Winter list")
    audience = listed(org, job)
    version = audience.current
    assert version is not None
    assert (audience.name, audience.kind, audience.created_by) == ("Winter list", "upload", marketer)
    assert (version.number, version.size, version.usable, version.job_id) == (1, 2, True, job.pk)
    assert version.counted_at is not None
    assert version.reach["email"] == {"unverified": 2}
    with org_context(org.pk):
        entry = AuditEntry.objects.for_org(org).get(action="audience.created")
    assert entry.after is not None
    assert (entry.actor_id, entry.after["file"], entry.after["size"]) == (marketer.pk, "list.csv", 2)


def test_a_list_is_static_and_chosen_by_messages_and_filters(
    org: Org, marketer: User, tmp_path: Path, people: dict[str, Customer]
) -> None:
    """A-25, A-29, A-39"""
    version = listed(
        org, made(org, marketer, tmp_path, "mail\nA@example.com\nB@example.com\n", EMAIL)
    ).current
    assert version is not None
    with org_context(org.pk):
        access = access_of(marketer, org)
        assert access is not None
        org_settings = OrgSettings.objects.for_org(org).get()
        data = tree(asks("audience", "none_of", [version.pk]))
        others = lists.create_filter(
            access, org_settings, name="Others", unit=None, data=data, at=NOW
        ).current
        assert others is not None
        # Whoever gets the address later does not join.
        customer(org, external_id="late", email="B@example.com")
        found = {}
        for name, chosen in (("list", version), ("others", others)):
            choice = selection.select(org, org_settings, [chosen], [], None, NOW)
            with connection.cursor() as cursor:
                cursor.execute(choice.sql, choice.params)
                found[name] = {row[0] for row in cursor.fetchall()}
    assert found["list"] == {people["A"].id, people["B"].id}
    assert people["C"].id in found["others"]
    assert not found["list"] & found["others"]


def test_tag_values_reach_the_content(
    org: Org, marketer: User, tmp_path: Path, people: dict[str, Customer]
) -> None:
    """A-19, H-06"""
    job = made(org, marketer, tmp_path, "id,a,b\nA,Mug,\n", ID, "My gift", "Shop")
    version = listed(org, job).current
    assert version is not None
    with org_context(org.pk):
        assert {"list.my_gift", "list.shop"} <= merge_sql.catalogue(org, [version]).keys()
        pk = people["A"].id
        found = merge_sql.values(org, ["list.my_gift", "list.shop"], [version], customer_id=pk, zone="UTC")
    assert found == ["Mug", None]


@pytest.mark.usefixtures("people")
def test_over_half_rejected_is_usable_only_after_somebody_says_so(
    org: Org, marketer: User, tmp_path: Path
) -> None:
    """A-23"""
    half = listed(org, made(org, marketer, tmp_path, "id\nA\nB\nX\nY\n", ID)).current
    most = listed(org, made(org, marketer, tmp_path, "id\nA\nX\nY\n", ID))
    assert half is not None
    assert half.usable
    assert most.current is not None
    assert not most.current.usable
    with org_context(org.pk):
        assert lists.use_anyway(most, by=marketer, at=NOW).usable


def test_none_accepted_is_no_list(org: Org, marketer: User, tmp_path: Path) -> None:
    """A-23, A-24"""
    job = made(org, marketer, tmp_path, "id\nX\nY\n", ID)
    assert job.status == "failed"
    assert "no list" in job.error
    assert codes(job) == {"X": "unknown_customer", "Y": "unknown_customer"}
    with org_context(org.pk):
        assert not Audience.objects.for_org(org).exists()
        assert not AudienceVersion.objects.for_org(org).exists()


@pytest.mark.usefixtures("people")
def test_the_errors_file_holds_rows_as_uploaded_and_comes_back_corrected_as_a_new_version(
    org: Org, marketer: User, tmp_path: Path
) -> None:
    """A-24, Q-21"""
    text = (
        "mail;gift;note\nA@example.com;Mug;=1+1\nbob at example;Cup;+49 1\n;Cup;-\n\nnobody@example.com;;@x\n"
    )
    job = made(org, marketer, tmp_path, text, EMAIL, "Gift", OUT)
    assert errors(job) == [
        ["mail", "gift", "note", "Rejected line", "Rejected code", "Rejected because"],
        ["bob at example", "Cup", "'+49 1", "3", "invalid_contact", "“bob at example” is no e-mail address."],
        ["", "Cup", "'-", "4", "missing", "The row names nobody. Fill one of: E-mail."],
        ["nobody@example.com", "", "'@x", "6", "unknown_customer", "No customer has this: E-mail."],
    ]
    first = listed(org, job)
    was = first.current
    sent_back = (Path(settings.MEDIA_ROOT) / job.errors_file).read_text(encoding="utf-8-sig")
    corrected = sent_back.replace("bob at example", "B@example.com").replace("nobody@", "C@")
    again = made(org, marketer, tmp_path, corrected, EMAIL, "Gift", OUT, OUT, OUT, OUT, onto=first)
    assert again.counts == {"accepted": 2, "merged duplicates": 0, "rejected": 1}
    grown = listed(org, again)
    assert grown.pk == first.pk
    assert was is not None
    assert grown.current is not None
    assert (grown.current.number, grown.current.size) == (2, 3)
    assert members(org, again) == {"A": ["Mug"], "B": ["Cup"], "C": [""]}
    assert members(org, job) == {"A": ["Mug"]}
    assert grown.current.digest != was.digest
    with org_context(org.pk):
        assert AuditEntry.objects.for_org(org).filter(action="audience.extended").count() == 1


@pytest.mark.usefixtures("people")
def test_added_rows_win_where_they_say_something_and_bring_tags_of_their_own(
    org: Org, marketer: User, tmp_path: Path
) -> None:
    """A-22, A-24"""
    first = listed(org, made(org, marketer, tmp_path, "id,a,b\nA,a1,b1\nB,a2,b2\n", ID, "One", "Two"))
    job = made(org, marketer, tmp_path, "id,x,y\nB,B2,\nC,B3,c3\n", ID, "two", "Three", onto=first)
    assert job.parameters["tags"] == ["One", "Two", "Three"]
    assert members(org, job) == {"A": ["a1", "b1", ""], "B": ["a2", "B2", ""], "C": ["", "B3", "c3"]}
    version = listed(org, job).current
    assert version is not None
    assert (version.tags, version.size) == (["One", "Two", "Three"], 3)
    # A file without tags leaves them alone.
    plain = made(org, marketer, tmp_path, "id\nA\nD\n", ID, onto=listed(org, job))
    assert members(org, plain)["A"] == ["a1", "b1", ""]
    assert members(org, plain)["D"] == ["", "", ""]


@pytest.mark.usefixtures("people")
def test_two_who_add_at_once_do_not_lose_each_others_rows(org: Org, marketer: User, tmp_path: Path) -> None:
    """A-24, Q-19"""
    first = listed(org, made(org, marketer, tmp_path, "id\nA\n", ID))
    path = tmp_path / "late.csv"
    path.write_text("id\nB\n")
    late = begin(org, marketer, path, ID, onto=first)
    made(org, marketer, tmp_path, "id\nC\n", ID, onto=first)
    jobs.run(org.pk, late.pk)
    job = finished(org, late)
    assert (job.status, "Somebody else added" in job.error) == ("failed", True)
    assert members(org, late) == {}


@pytest.mark.usefixtures("people")
def test_a_list_that_was_put_away_meanwhile_gets_no_rows(org: Org, marketer: User, tmp_path: Path) -> None:
    """A-45"""
    first = listed(org, made(org, marketer, tmp_path, "id\nA\n", ID))
    path = tmp_path / "late.csv"
    path.write_text("id\nB\n")
    late = begin(org, marketer, path, ID, onto=first)
    with org_context(org.pk):
        lists.archive(first, by=marketer, at=NOW)
    jobs.run(org.pk, late.pk)
    assert "archived" in finished(org, late).error
    assert members(org, late) == {}


@pytest.mark.usefixtures("people")
def test_the_same_members_and_tags_have_one_digest(org: Org, marketer: User, tmp_path: Path) -> None:
    """A-43, Q-11: what decides content changes it"""
    texts = ["id,t\nA,1\nB,2\n", "id,t\nB,2\nA,9\nA,1\n", "id,t\nA,1\nB,3\n", "id,t\nA,1\n"]
    found = []
    for text in texts:
        version = listed(org, made(org, marketer, tmp_path, text, ID, "T")).current
        assert version is not None
        found.append(version.digest)
    assert found[0] == found[1]
    assert len(set(found)) == 3


@pytest.mark.usefixtures("people")
@pytest.mark.parametrize(
    ("row", "code"),
    [
        ("A,x,extra", "cells"),
        ("A", "cells"),
        ("A," + "x" * 501, "too_long"),
        ('A,"two\nlines"', "control_character"),
        ("A>B,x", "bad_code"),
        (" ,x", "missing"),
    ],
)
def test_a_row_that_does_not_fit_is_rejected_alone(
    org: Org, marketer: User, tmp_path: Path, row: str, code: str
) -> None:
    """A-23, A-24"""
    job = made(org, marketer, tmp_path, f"id,t\nB,ok\n{row}\n", ID, "T")
    assert members(org, job) == {"B": ["ok"]}
    assert job.parameters["reasons"] == {code: 1}


@pytest.mark.usefixtures("people")
def test_a_file_without_a_header_loses_no_row(org: Org, marketer: User, tmp_path: Path) -> None:
    """A-18, A-24"""
    job = made(org, marketer, tmp_path, "A,Mug\nZ,Cup\n", ID, "Gift", header=False)
    assert (members(org, job), job.done) == ({"A": ["Mug"]}, 2)
    assert errors(job)[0][:2] == ["Column 1", "Column 2"]
    assert errors(job)[1][:3] == ["Z", "Cup", "2"]


def test_nothing_is_taken_of_a_file_that_cannot_be_read_to_its_end(
    org: Org, marketer: User, tmp_path: Path, people: dict[str, Customer]
) -> None:
    """Q-19, Q-20"""
    job = made(org, marketer, tmp_path, "id,t\n" + "A,x\n" * 30 + 'B,"y\n', ID, "T")
    assert (job.status, "cut off" in job.error) == ("failed", True)
    with org_context(org.pk):
        assert not ListMember.objects.for_org(org).exists()


def test_more_rows_than_a_list_may_have_are_refused(
    org: Org, marketer: User, tmp_path: Path, people: dict[str, Customer], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A-18, Q-20"""
    monkeypatch.setattr("audiences.uploads.making.MOST_ROWS", 2)
    assert made(org, marketer, tmp_path, "id\nA\nB\n", ID).status == "done"
    job = made(org, marketer, tmp_path, "id\nA\nB\nC\n", ID)
    assert (job.status, "more than 2 rows" in job.error) == ("failed", True)


def test_a_unit_that_is_gone_gets_no_list(org: Org, admin: User, tmp_path: Path) -> None:
    """T-05"""
    path = tmp_path / "l.csv"
    path.write_text("id\nA\n")
    job = begin(org, admin, path, ID)
    with org_context(org.pk):
        Job.objects.for_org(org).filter(pk=job.pk).update(parameters={**job.parameters, "unit": 987_654})
    jobs.run(org.pk, job.pk)
    assert "no longer there" in finished(org, job).error
