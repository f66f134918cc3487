"""The list of campaigns as people use it."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from campaigns import frame, needs
from campaigns.models import Campaign, Delivery, Message, Run, Tally
from conversions.models import ArmFigures, Goal
from engage.orgs.models import Org, OrgUnit, User
from engage.orgs.tenancy import org_context
from tests import factories
from tests.campaigns.factories import Story, access, campaign, message, settings_of
from tests.factories import NOW

pytestmark = pytest.mark.django_db


@pytest.fixture
def today(org: Org) -> date:
    with org_context(org.pk):
        return settings_of(org).today(timezone.now())


@pytest.fixture
def writer(org: Org) -> User:
    return factories.member(org, "marketer", name="Wilma Writer")


def add(org: Org, by: User, name: str, first: int, last: int, **fields: Any) -> Campaign:
    """A campaign from `first` to `last` days from today."""
    at = timezone.now()
    with org_context(org.pk):
        day = settings_of(org).today(at)
        return campaign(
            org, by, at=at + timedelta(days=min(first, 0)), name=name,
            start_on=day + timedelta(days=first), end_on=day + timedelta(days=last), **fields,
        )  # fmt: skip


@pytest.fixture
def several(org: Org, writer: User) -> dict[str, Campaign]:
    made = {
        "live": add(org, writer, "Diwali gold", -2, 5, objective="sales", description="For gold members"),
        "upcoming": add(org, writer, "Winter drop", 3, 9, objective="greetings"),
        "lapsed": add(org, writer, "Summer end", -30, -10),
        "archived": add(org, writer, "Old spring", -40, -20),
    }
    with org_context(org.pk):
        frame.archive(
            made["archived"], access=access(writer, org), settings=settings_of(org), at=timezone.now()
        )
    return made


def page(client: Client, org: Org, user: User, query: str = "", **headers: str) -> str:
    client.force_login(user)
    answer = client.get(f"/o/{org.slug}/campaigns/{query}", headers=headers)
    assert answer.status_code == 200
    return answer.content.decode()


def names(html: str) -> list[str]:
    return [part.split("</a>")[0].split(">")[1] for part in html.split('class="name"')[1:]]


@pytest.mark.parametrize(
    ("tab", "found"),
    [
        ("", {"Diwali gold", "Winter drop", "Summer end"}),
        ("?tab=live", {"Diwali gold"}),
        ("?tab=upcoming", {"Winter drop"}),
        ("?tab=lapsed", {"Summer end"}),
        ("?tab=archived", {"Old spring"}),
        ("?tab=needs-me", set()),
    ],
)
def test_a_tab_holds_the_campaigns_of_its_status(
    org: Org, writer: User, several: dict[str, Campaign], client: Client, tab: str, found: set[str]
) -> None:
    """C-07, C-51"""
    assert set(names(page(client, org, writer, tab))) == found


def test_every_tab_shows_its_count_under_the_present_filters(
    org: Org, writer: User, several: dict[str, Campaign], client: Client
) -> None:
    """C-51"""
    client.force_login(writer)
    answer = client.get(f"/o/{org.slug}/campaigns/")
    assert [tab["count"] for tab in answer.context["tabs"]] == [3, 1, 1, 1, 0, 1]
    answer = client.get(f"/o/{org.slug}/campaigns/?q=gold")
    assert [tab["count"] for tab in answer.context["tabs"]] == [1, 1, 0, 0, 0, 0]
    assert all("q=gold" in tab["url"] for tab in answer.context["tabs"])


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("?q=DROP", {"Winter drop"}),
        ("?q=members+gold", {"Diwali gold"}),
        ("?objective=greetings", {"Winter drop"}),
        ("?objective=none", {"Summer end"}),
        ("?owner=org", {"Diwali gold", "Winter drop", "Summer end"}),
        ("?channel=sms", set()),
        ("?q=nothing+like+it", set()),
    ],
)
def test_search_and_filters_narrow_the_list(
    org: Org, writer: User, several: dict[str, Campaign], client: Client, query: str, found: set[str]
) -> None:
    """C-51"""
    assert set(names(page(client, org, writer, query))) == found


def test_a_range_of_dates_finds_what_is_active_on_at_least_one_of_its_days(
    org: Org, writer: User, several: dict[str, Campaign], client: Client, today: date
) -> None:
    """C-51"""
    day = several["live"].end_on
    assert set(names(page(client, org, writer, f"?since={day}&until={day}"))) == {
        "Diwali gold", "Winter drop",
    }  # fmt: skip
    after = several["upcoming"].end_on + timedelta(days=1)
    assert names(page(client, org, writer, f"?since={after}")) == []
    html = page(client, org, writer, f"?since={day}&until={today - timedelta(days=99)}")
    assert "ends before it begins" in html


def test_the_filters_of_channel_owner_and_creator(org: Org, writer: User, client: Client) -> None:
    """C-51"""
    other = factories.member(org, "admin", name="Adam Admin")
    with org_context(org.pk):
        unit = OrgUnit.objects.create(org=org, name="Verde", code="verde", created_at=NOW)
    add(org, other, "Of a unit", 0, 5, unit=unit)
    with_mail = add(org, writer, "With a message", 0, 5)
    with org_context(org.pk):
        message(with_mail, writer, at=timezone.now(), title="Hello")
    assert names(page(client, org, writer, f"?owner={unit.pk}")) == ["Of a unit"]
    assert names(page(client, org, writer, "?channel=email")) == ["With a message"]
    assert names(page(client, org, writer, f"?creator={other.pk}")) == ["Of a unit"]


def test_a_member_of_a_unit_sees_and_counts_only_its_campaigns(
    org: Org, writer: User, client: Client
) -> None:
    """T-08, T-09, T-11"""
    with org_context(org.pk):
        unit = OrgUnit.objects.create(org=org, name="Verde", code="verde", created_at=NOW)
    member = factories.member(org, "marketer", units=[unit])
    add(org, writer, "Of the unit", 0, 5, unit=unit)
    hidden = add(org, writer, "Of the org", 0, 5)
    html = page(client, org, member)
    assert names(html) == ["Of the unit"]
    assert "of the units in your scope" in html
    assert client.get(f"/o/{org.slug}/campaigns/{hidden.pk}/").status_code == 404


@pytest.mark.parametrize(
    ("sort", "first"),
    [("name", "Diwali gold"), ("-name", "Winter drop"), ("start", "Summer end"), ("-end", "Winter drop")],
)
def test_the_list_is_sorted_by_its_columns(
    org: Org, writer: User, several: dict[str, Campaign], client: Client, sort: str, first: str
) -> None:
    """C-50"""
    assert names(page(client, org, writer, f"?sort={sort}"))[0] == first


@pytest.fixture
def measured(org: Org, several: dict[str, Campaign]) -> dict[str, Campaign]:
    """Live: 90 of 100 bought, 8 of 10 arrived. Lapsed: 200 contacted, 20 bought, all arrived. Upcoming: nothing yet."""
    with org_context(org.pk):
        story = Story(org)
        for place, contacted, bought, arrived in (("live", 100, 90, 8), ("lapsed", 200, 20, 10)):
            of = several[place]
            ArmFigures.objects.create(
                org=org, campaign=of, arm=0, contacted=contacted, responders=bought, converted=bought,
                computed_at=NOW,
            )  # fmt: skip
            Goal.objects.create(
                org=org, campaign=of, window_days=30, anchor="sent", touch="last", groups=[], updated_at=NOW
            )
            run = story.to("sending").run
            assert run is not None
            Run.objects.for_org(org).filter(pk=run.pk).update(campaign_id=of.pk)
            for key, outcome, n in (
                (1, Delivery.Outcome.DELIVERED, arrived),
                (2, Delivery.Outcome.NOT_DELIVERED, 10 - arrived),
                (3, Delivery.Outcome.NO_REPORT, 90),
            ):
                Tally.objects.create(
                    org=org, run_id=run.pk, id=key, slot=0, channel="email", variant=0, arm=0,
                    state=Delivery.State.SENT, reason="", outcome=outcome, n=n,
                )  # fmt: skip
    return several


@pytest.mark.parametrize(
    ("sort", "order"),
    [
        ("-contacted", ["Summer end", "Diwali gold", "Winter drop"]),
        ("-hit", ["Diwali gold", "Summer end", "Winter drop"]),
        ("hit", ["Winter drop", "Summer end", "Diwali gold"]),
        ("-delivery", ["Summer end", "Diwali gold", "Winter drop"]),
        ("-converted", ["Diwali gold", "Summer end", "Winter drop"]),
    ],
)
def test_the_list_is_sorted_by_its_numbers_and_a_dash_counts_as_least(
    org: Org, writer: User, measured: dict[str, Campaign], client: Client, sort: str, order: list[str]
) -> None:
    """C-50, M-04, M-11"""
    known = [campaign.name for campaign in measured.values()]
    assert [name for name in names(page(client, org, writer, f"?sort={sort}")) if name in known] == order


@pytest.mark.parametrize("sort", ["name", "-updated", "creator", "start", "-hit", "delivery"])
def test_pages_go_forth_and_back_without_losing_or_repeating_a_campaign(
    org: Org, writer: User, client: Client, sort: str
) -> None:
    """C-51: by key, also where many rows have the same."""
    client.force_login(writer)
    with org_context(org.pk):
        day, settings = settings_of(org).today(timezone.now()), settings_of(org)
        Campaign.objects.bulk_create(
            Campaign(
                org=org, name=f"Same name {n % 7}", start_on=day, end_on=day + timedelta(days=n % 3),
                created_by=writer, created_at=NOW, updated_at=NOW, control_permille=settings.control_permille,
            )
            for n in range(60)
        )  # fmt: skip
    forth, query = [], f"?sort={sort}"
    for _ in range(5):
        page = client.get(f"/o/{org.slug}/campaigns/{query}").context["listing"].page
        forth.append([row.pk for row in page.rows])
        if not page.after:
            break
        query = f"?sort={sort}&after={page.after}"
    assert [len(rows) for rows in forth] == [25, 25, 10]
    assert len({pk for rows in forth for pk in rows}) == 60
    back = client.get(f"/o/{org.slug}/campaigns/?sort={sort}&before={page.before}").context["listing"].page
    assert [row.pk for row in back.rows] == forth[1]
    assert back.before and back.after
    wrong = client.get(f"/o/{org.slug}/campaigns/?sort={sort}&after=nonsense").context["listing"].page
    assert [row.pk for row in wrong.rows] == forth[0]


def test_one_campaign_and_twelve_cost_the_same_queries(org: Org, writer: User, client: Client) -> None:
    """Q-34"""

    def queries() -> int:
        with CaptureQueriesContext(connection) as captured:
            page(client, org, writer)
        return len(captured)

    client.force_login(writer)
    one = add(org, writer, "First", 0, 5)
    with org_context(org.pk):
        message(one, writer, at=timezone.now())
    page(client, org, writer)
    few = queries()
    for number in range(11):
        more = add(org, writer, f"More {number}", 0, 5)
        with org_context(org.pk):
            message(more, writer, at=timezone.now())
    assert queries() == few


def test_needs_me_lists_what_this_person_can_move_on(inside: Org) -> None:
    """C-50, C-28: awaiting for another's eyes, rejected for its writer, blocked for who may continue."""
    story, today = Story(inside), NOW.date()
    settings = settings_of(inside)
    awaiting, rejected, blocked = (story.to(status) for status in ("awaiting", "rejected", "blocked"))
    for quiet in ("draft", "scheduled", "sending", "completed"):
        story.to(quiet)

    def needed(user: User) -> set[Message]:
        return set(needs.of(access(user, inside), settings, today=today))

    assert needed(story.approver) == {awaiting, blocked}
    assert needed(story.writer) == {rejected}
    assert needed(story.admin) == {awaiting, blocked}


def test_nobody_is_asked_to_approve_what_they_wrote(inside: Org) -> None:
    """C-28"""
    story = Story(inside)
    own = message(campaign(inside, story.admin), story.admin)
    story.writer = story.admin
    story.submit(own)
    settings = settings_of(inside)
    assert not needs.of(access(story.admin, inside), settings, today=NOW.date()).exists()
    settings.self_approval = True
    assert needs.of(access(story.admin, inside), settings, today=NOW.date()).exists()


def test_an_empty_list_offers_one_button(org: Org, writer: User, client: Client) -> None:
    """C-51, T-09: only to who may press it."""
    html = page(client, org, writer)
    assert "No campaign yet." in html
    analyst = page(client, org, factories.member(org, "analyst"))
    assert "campaigns/new/" not in analyst
    filtered = page(client, org, writer, "?q=x")
    assert "Clear filters" in filtered


def test_htmx_gets_the_list_alone_and_a_tidy_address(
    org: Org, writer: User, several: dict[str, Campaign], client: Client
) -> None:
    """C-51: the address holds it all, and the tab survives the next search."""
    client.force_login(writer)
    answer = client.get(
        f"/o/{org.slug}/campaigns/?q=gold&channel=&tab=live&spam=1", headers={"HX-Request": "true"}
    )
    html = answer.content.decode()
    assert "<html" not in html
    assert answer["HX-Push-Url"] == f"/o/{org.slug}/campaigns/?q=gold&tab=live"
    assert '<input type="hidden" name="tab" value="live" form="find">' in html
    assert '<option value="Diwali gold">' in html


def test_a_row_says_the_states_channels_and_actions_of_its_campaign(org: Org, client: Client) -> None:
    """C-50"""
    analyst = factories.member(org, "analyst")
    with org_context(org.pk):
        story = Story(org)
        story.at = timezone.now()
        at = story.at
        made = campaign(org, story.writer, at=at, name="Both states")
        message(made, story.writer, at=at)
        sent = message(made, story.writer, at=at)
        story.submit(sent)
    html = page(client, org, story.writer)
    assert "1 draft" in html and "1 awaiting approval" in html
    assert "E-mail" in html and "Ends in 30 days" in html
    for place in ("edit", "duplicate", "delete"):
        assert f"/campaigns/{made.pk}/{place}/" in html
    assert f"/reports/campaigns/{made.pk}/" in html
    assert f'id="n-{made.pk}-hit"' in html and f"?ids={made.pk}" in html
    assert f"/campaigns/{made.pk}/edit/" not in page(client, org, analyst)
