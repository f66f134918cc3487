"""The operator's commands: what they make, and what they say when they cannot."""

from __future__ import annotations

import io
from collections.abc import Callable
from contextlib import AbstractContextManager

import pytest
from django.core.management import CommandError, call_command
from django.db import connection

from engage.orgs import audit
from engage.orgs.access import access_of
from engage.orgs.founding import add_unit
from engage.orgs.models import AuditEntry, Org, OrgSettings, User
from engage.orgs.rights import ALL_RIGHTS
from engage.orgs.tenancy import org_context
from tests import factories
from tests.factories import NOW

Owner = Callable[[], AbstractContextManager[None]]
PASSWORD = "violet-harbor-79-lamp"


@pytest.fixture
def said() -> io.StringIO:
    return io.StringIO()


@pytest.fixture
def typed(monkeypatch: pytest.MonkeyPatch) -> Callable[[str], None]:
    """Put a text where a command reads standard input."""
    return lambda text: monkeypatch.setattr("sys.stdin", io.StringIO(text))


@pytest.mark.django_db
def test_an_operator_founds_an_org_with_its_admin(said: io.StringIO, typed: Callable[[str], None]) -> None:
    """T-01, T-13: settings as asked, every right for the admin, an audit trail from the first moment."""
    typed(f"{PASSWORD}\n")
    call_command(
        "create_org", "Borealis", "--org-name", "Borealis AB", "--admin", "Eva@Borealis.example", "--name", "Eva Lind",
        "--time-zone", "Europe/Stockholm", "--currency", "sek", "--password-stdin", stdout=said,
    )  # fmt: skip

    org, eva = Org.objects.get(slug="borealis"), User.objects.get(email="eva@borealis.example")
    with org_context(org.pk):
        access = access_of(eva, org)
        settings = OrgSettings.objects.for_org(org).get()
        actions = list(AuditEntry.objects.for_org(org).order_by("seq").values_list("action", flat=True))
    assert access is not None
    assert access.rights == ALL_RIGHTS
    assert access.whole_org
    assert (settings.time_zone, settings.currency) == ("Europe/Stockholm", "SEK")
    assert actions == ["org.created", "member.seated"]
    assert eva.check_password(PASSWORD)
    assert eva.name == "Eva Lind"
    assert said.getvalue() == "Borealis AB is there; eva@borealis.example is its Org admin.\n"


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("arguments", "problem"),
    [
        (["acme", "--time-zone", "UTC"], "already"),
        (["not good", "--time-zone", "UTC"], "letters, digits and hyphens"),
        (["x" * 41, "--time-zone", "UTC"], "longer than 40"),
        (["fine", "--time-zone", "Europe/Atlantis"], "no time zone"),
        (["fine", "--currency", "XXY"], "no currency"),
        (["fine", "--admin", "nobody"], "no e-mail address"),
    ],
)
def test_a_founding_that_cannot_be_says_why_and_leaves_nothing(
    org: Org, typed: Callable[[str], None], arguments: list[str], problem: str
) -> None:
    """T-01"""
    typed(f"{PASSWORD}\n")
    admin = [] if "--admin" in arguments else ["--admin", "eva@borealis.example"]

    with pytest.raises(CommandError, match=problem):
        call_command("create_org", *arguments, "--org-name", "Fine", "--password-stdin", *admin)

    assert list(Org.objects.all()) == [org]
    assert not User.objects.exists()


@pytest.mark.django_db
def test_a_new_account_needs_a_password_that_passes_the_rules(org: Org, typed: Callable[[str], None]) -> None:
    """T-19: also when an operator types it; and one is asked for only where somebody can type."""
    arguments = ["add_member", "acme", "eva@acme.example", "--role", "analyst"]
    typed("passwordpassword\n")
    with pytest.raises(CommandError, match="Choose another password"):
        call_command(*arguments, "--password-stdin")
    with pytest.raises(CommandError, match="--password-stdin"):
        call_command(*arguments)

    assert not User.objects.exists()


@pytest.mark.django_db
def test_an_operator_adds_a_person_in_the_scope_of_units(org: Org, said: io.StringIO) -> None:
    """T-08, T-14: who has an account is asked for no password; a second call replaces the access."""
    with org_context(org.pk):
        west = add_unit(org, name="West", code="west", by=None, at=NOW)
    eva = factories.user("Eva")

    call_command(
        "add_member",
        "acme",
        eva.email,
        "--role",
        "marketer",
        "--role",
        "Analyst",
        "--unit",
        "west",
        stdout=said,
    )

    with org_context(org.pk):
        access = access_of(eva, org)
        assert access is not None
        assert access.may("message.create")
        assert access.unit_ids == {west.pk}
        assert not access.whole_org
    assert said.getvalue() == f"{eva.email} is Marketer, Analyst of Acme: West.\n"

    call_command("add_member", "acme", eva.email, "--role", "analyst", stdout=said)

    with org_context(org.pk):
        access = access_of(eva, org)
        assert access is not None
        assert access.whole_org
        assert not access.may("message.create")


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("arguments", "problem"),
    [
        (["nowhere", "--role", "analyst"], "There is no organisation “nowhere”. Known: acme."),
        (["acme", "--role", "king"], "There is no role “king”. Known: .*analyst"),
        (["acme", "--role", "analyst", "--unit", "moon"], "no unit with the code “moon”"),
    ],
)
def test_unknown_names_are_told_with_those_that_are_known(
    org: Org, arguments: list[str], problem: str
) -> None:
    slug, *rest = arguments
    with pytest.raises(CommandError, match=problem):
        call_command("add_member", slug, "eva@acme.example", *rest)


@pytest.mark.django_db(transaction=True)
def test_the_audit_trail_of_every_org_is_verified_by_command(
    org: Org, other_org: Org, owner_role: Owner, said: io.StringIO
) -> None:
    """T-32, Q-24: the command names the org and the first entry that does not fit, and ends with an error."""
    with org_context(org.pk):
        for number in range(3):
            audit.record(org, "test.happened", by=None, at=NOW, after={"n": number})
    call_command("verify_audit", stdout=said)
    assert said.getvalue() == "acme: whole, 4 entries\nverde: whole, 1 entries\n"

    with owner_role(), org_context(org.pk), connection.cursor() as cursor:
        cursor.execute("UPDATE orgs_auditentry SET reason = 'nothing happened' WHERE seq = 3")

    with pytest.raises(CommandError, match="1 of 2 audit trails"):
        call_command("verify_audit", stdout=said)
    assert "acme: entry 3 was changed after it was written\n" in said.getvalue()
    call_command("verify_audit", "--org", "verde", stdout=said)


@pytest.mark.django_db
def test_rollups_are_rebuilt_by_command(org: Org, other_org: Org, said: io.StringIO) -> None:
    """G-20: of one org or of all; an org with nothing to derive is no error."""
    call_command("rebuild_rollups", stdout=said)
    assert [line.partition(" in ")[0] for line in said.getvalue().splitlines()] == [
        "acme: 0 customers",
        "verde: 0 customers",
    ]
