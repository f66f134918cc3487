"""/kit/: every component of the console in every state, on one page that people and tests look at.

Its numbers are invented and say so; nothing here reads the database.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from django import forms
from django.conf import settings
from django.contrib import messages
from django.contrib.auth.views import redirect_to_login
from django.http import HttpRequest, HttpResponse
from django.template import Engine, RequestContext

from engage.orgs import charts
from engage.orgs.charts import Estimate, Series, Unit

NOON = datetime(2026, 11, 24, 5, 0, tzinfo=UTC)


class SampleStyle:
    """An org in India, where grouping, lakh and crore are easiest to get wrong."""

    time_zone = "Asia/Kolkata"
    currency = "INR"
    number_format = "in"
    language = "en"


class SampleOrg:
    slug = "northline"
    name = "Northline Retail"
    settings = SampleStyle()


class SamplePerson:
    is_authenticated = True
    pk = 0
    email = "asha@northline.example"
    initials = "AR"

    def __str__(self) -> str:
        return "Asha Rao"


class OtherOrg:
    slug = "outlet"
    name = "Northline Outlet"


PLACES = [
    ("New campaign", "plus", "#parts"),
    ("Campaigns", "megaphone", "#lists"),
    ("Messages", "envelope", "#lists"),
    ("Calendar", "calendar-days", "#lists"),
    ("Approvals", "check-badge", "#lists"),
    ("Audiences", "user-group", "#forms"),
    ("Reports", "chart-bar", "#numbers"),
    ("Settings", "cog-6-tooth", "#forms"),
]


class SampleForm(forms.Form):
    name = forms.CharField(label="Name", max_length=100, help_text="Only your team sees it.")
    amount = forms.DecimalField(label="Smallest bill", min_value=0, required=False)
    share = forms.IntegerField(label="Control group", min_value=0, max_value=50)
    channel = forms.ChoiceField(
        label="Channel", choices=[("", "Choose a channel"), ("email", "E-mail"), ("sms", "SMS")]
    )
    starts_on = forms.DateField(label="Starts on", widget=forms.DateInput(attrs={"type": "date"}))
    words = forms.CharField(label="Description", widget=forms.Textarea, required=False)
    timing = forms.ChoiceField(
        label="When",
        widget=forms.RadioSelect,
        choices=[("now", "As soon as it is approved"), ("dated", "At a date and time")],
        help_text="Org time.",
    )
    stores = forms.MultipleChoiceField(
        label="Stores",
        required=False,
        widget=forms.CheckboxSelectMultiple,
        choices=[("1", "Indiranagar"), ("2", "Koramangala")],
    )
    service = forms.BooleanField(
        label="Service message", required=False, help_text="Needs the switch and the right."
    )
    file = forms.FileField(label="File of customers", required=False, help_text="CSV, UTF-8, at most 20 MB.")


GOOD = {
    "name": "Diwali Gold Edit",
    "amount": "3000",
    "share": "10",
    "channel": "email",
    "starts_on": "2026-11-24",
    "timing": "dated",
    "service": "on",
}


def kit(request: HttpRequest) -> HttpResponse:
    """Open on one machine (DEBUG or plain http); elsewhere to people who signed in."""
    if not (settings.DEBUG or settings.PLAIN_HTTP or request.user.is_authenticated):
        return redirect_to_login(request.get_full_path())
    messages.success(request, "Campaign saved.")
    messages.warning(request, "The gateway answers slowly since 10:12 IST.")
    messages.error(request, "2 customers could not be loaded: see the job.")
    template = Engine.get_default().get_template("kit/kit.html")
    page = RequestContext(request, {**_forms(), **_lists(), **_charts()}, processors=[_frame])
    return HttpResponse(template.render(page))


def _frame(_: HttpRequest) -> dict[str, Any]:
    """What the context processor knows on a real page; only a processor's names reach into components."""
    counts = {"Campaigns": 10, "Approvals": 2}
    return {
        "org": SampleOrg(),
        "seats": [SampleOrg(), OtherOrg()],
        "user": SamplePerson(),
        "menu": [
            {
                "label": label,
                "icon": icon,
                "url": url,
                "current": label == "Campaigns",
                "count": counts.get(label),
                "makes": label == "New campaign",
            }
            for label, icon, url in PLACES
        ],
    }


def _forms() -> dict[str, Any]:
    return {
        "form": SampleForm(initial=GOOD, prefix="good"),
        "wrong": SampleForm({"wrong-share": "80", "wrong-service": "on"}, prefix="wrong"),
        "steps": [
            {"label": "Message", "url": "#stepper", "state": "done"},
            {"label": "Audience", "url": "#stepper", "state": "current"},
            {"label": "Content", "url": "#stepper", "state": "bad", "note": "2 to fix"},
            {"label": "Schedule", "url": "#stepper", "state": ""},
            {"label": "Review", "url": "", "state": ""},
        ],
        "operators": [("AND", "true"), ("OR", "false")],
    }


def _lists() -> dict[str, Any]:
    return {
        "noon": NOON,
        "today": NOON.date(),
        "crumbs": [{"label": "Northline Retail", "url": "#main"}, {"label": "Campaigns", "url": "#lists"}],
        "tabs": [
            {"label": "All", "url": "#lists", "count": 10, "current": True},
            {"label": "Draft", "url": "#lists", "count": 0},
            {"label": "Awaiting approval", "url": "#lists", "count": 2},
            {"label": "Completed", "url": "#lists", "count": 1_234_567},
        ],
        "periods": [
            {"label": "7D", "url": "#numbers"},
            {"label": "1M", "url": "#numbers", "current": True},
            {"label": "3M", "url": "#numbers"},
            {"label": "6M", "url": "#numbers"},
        ],
        "rows": [
            {"id": 1, "name": "Diwali Gold Edit — 20% over ₹3,000", "about": "E-mail, SMS", "at": NOON,
             "tone": "live", "word": "Sending", "audience": 184_220, "rate": 97.904, "sales": 318_000_000,
             "sent": 119_743, "failed": 1_420},
            {"id": 2, "name": "Winter drop: early access", "about": "E-mail", "at": NOON,
             "tone": "warn", "word": "Awaiting approval", "audience": 96_300, "rate": None, "sales": None},
            {"id": 3, "name": "مجموعة الشتاء — 冬季 — a name that is far too long for its column and has to wrap",
             "about": "SMS", "at": NOON, "tone": "bad", "word": "Failed", "audience": 41_008, "rate": 32.4,
             "sales": -1_250_050, "sent": 41_008, "failed": 27_723},
        ],
    }  # fmt: skip


def _charts() -> dict[str, Any]:
    days = [f"{at} Nov" for at in range(9, 23)]
    delivered = [62, 58, 71, 40, 38, 91, 99, 104, 88, 120, 66, 61, 118, 121]
    failed = [1, 1, 2, 1, 0, 2, 2, 2, 1, 4, 1, 8, 2, 1]
    style = SampleStyle()
    hit = [2.1, 2.4, 2.2, 2.9, 3.1, None, 3.4, 3.6, 3.5, 3.9, 4.1, 4.0, 4.3, 4.4]
    low = [None if value is None else value - 0.5 for value in hit]
    high = [None if value is None else value + 0.5 for value in hit]
    control = [2.0, 2.1, 2.2, 2.3, 2.5, 2.6, 2.8, 2.8, 2.9, 3.0, 2.9, 3.1, 3.0, 3.1]
    return {
        "spark_up": charts.spark([3, 5, 4, 6, 5, 8, 9, 11], label="Rising over 30 days"),
        "spark_down": charts.spark([9, 8, 8, 6, 5, 4, 3, 3]),
        "split": charts.split([("brand", 82), ("bad", 3), ("none", 15)], label="82% sent, 3% failed"),
        "bars": charts.bars(
            days,
            [
                Series("Delivered", "brand", [value * 1000 for value in delivered]),
                Series("Failed", "bad", [value * 1000 for value in failed]),
            ],
            title="Messages by day",
            style=style,
        ),
        "lines": charts.lines(
            days,
            [Series("Hit rate", "brand", hit, low, high), Series("Control", "other", control)],
            title="Hit rate by day",
            unit=Unit.PERCENT,
            style=style,
        ),
        "intervals": charts.intervals(
            [
                Estimate("Diwali Gold Edit", 0.9, 1.7, 2.5),
                Estimate("Lapsed 90 days", -0.4, 0.3, 1.0, "not clear yet"),
                Estimate("Loyalty points", -1.9, -1.1, -0.3),
                Estimate("Winter drop", None, None, None, "too early to tell"),
            ],
            title="Lift by campaign",
            style=style,
        ),
    }
