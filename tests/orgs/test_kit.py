"""The kit's tags, charts and templates, without a browser."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from pathlib import Path
from xml.etree import ElementTree

import pytest
from django.conf import settings
from django.template import Context, Template
from django.template.loader import render_to_string
from django.test import Client, RequestFactory, override_settings

from engage.orgs import charts
from engage.orgs.charts import Chart, Estimate, Series, Unit
from engage.orgs.kit import SampleOrg, SampleStyle
from engage.orgs.templatetags.console import html_attrs

# Shows a mail as the customer's program would, on an address of its own under `sandbox` (design of the preview).
SANDBOXED = {"campaigns/preview.html"}
TEMPLATES = sorted((Path(settings.BASE_DIR) / "templates").rglob("*.html"))
EVIL = '"><script>alert(1)</script>'
SCRIPT = "<script>alert"


def render(source: str, **names: object) -> str:
    return Template(source).render(Context(names))


def pictures(chart: Chart) -> list[ElementTree.Element]:
    return list(ElementTree.fromstring(f"<all>{chart.svg}</all>"))  # noqa: S314  our own


def test_tags_write_as_the_pages_org_writes() -> None:
    """Q-32, Q-33"""
    text = render(
        "{% number 1234567 %} {% money 123450 %} {% percent 4.3 %} {% points 0.4 %} {% day at %}",
        org=SampleOrg(), at=datetime(2026, 11, 23, 20, 0, tzinfo=UTC),
    )  # fmt: skip
    assert text == "12,34,567 ₹1,234.50 4.30% +0.40\u00a0pt 24 Nov 2026"
    assert render("{% number 1234567 %}") == "1,234,567"


def test_an_instant_can_be_read_by_machine_and_in_full() -> None:
    """Q-32"""
    html = render("{% instant at %}", org=SampleOrg(), at=datetime(2026, 11, 24, 5, 0, tzinfo=UTC))
    assert html == (
        '<time datetime="2026-11-24T05:00:00Z" '
        'title="Tuesday 24 November 2026, 10:30:00 IST (Asia/Kolkata, UTC+5:30)">24 Nov 2026, 10:30 IST</time>'
    )
    assert render("{% instant nothing %}") == "—"


def test_zero_is_not_missing() -> None:
    """M-04"""
    assert render("{{ 0|dash }} {{ none|dash }} {{ text|dash }}", text="") == "0 — —"


def test_attributes_are_escaped_and_falsehoods_left_out() -> None:
    """Q-27"""
    assert html_attrs({"data-x": EVIL, "disabled": False, "hidden": True, "title": None}) == (
        'data-x="&quot;&gt;&lt;script&gt;alert(1)&lt;/script&gt;" hidden'
    )
    with pytest.raises(ValueError, match="not the name of an attribute"):
        html_attrs({"onclick=alert(1) x": "1"})


@pytest.mark.parametrize(
    "source",
    [
        '<c-button :data-x="evil" label="{{ evil }}" href="{{ evil }}">{{ evil }}</c-button>',
        '<c-card :title="evil" note="{{ evil }}">{{ evil }}</c-card>',
        '<c-chip :why="evil">{{ evil }}</c-chip>',
        '<c-kpi :label="evil" :value="evil" :note="evil" :formula="evil" id="x" />',
        '<c-tabs :label="evil" :items="items" />',
        '<c-stepper :steps="items" />',
        '<c-empty :title="evil" :text="evil" />',
        '<c-copy :value="evil" :label="evil" />',
        '<c-event :who="evil" :what="evil" />',
        '<c-funnel-row :label="evil" :reason="evil" />',
        '<c-menu id="x" :label="evil"><a>x</a></c-menu>',
        '<c-avatar :name="evil" :initials="evil" />',
        '<c-filters :label="evil" :value="evil" />',
        '<c-progress :label="evil" :text="evil" :note="evil" />',
        '<c-attention :title="evil" :text="evil" :href="evil" :action="evil" />',
    ],
)
def test_no_component_lets_markup_through(source: str, tmp_path: Path) -> None:
    """Q-27: what a user typed is text, whichever way it reaches a component"""
    (tmp_path / "page.html").write_text(source)
    patched = [{**settings.TEMPLATES[0], "DIRS": [*settings.TEMPLATES[0]["DIRS"], tmp_path]}]
    items = [{"label": EVIL, "url": EVIL, "note": EVIL, "count": 1, "state": "done"}]
    with override_settings(TEMPLATES=patched):
        html = render_to_string("page.html", {"evil": EVIL, "items": items}, RequestFactory().get("/"))
    assert "alert(1)" in html
    assert SCRIPT not in html
    assert EVIL not in html


@pytest.mark.parametrize("path", TEMPLATES, ids=lambda path: path.name)
def test_templates_keep_the_page_policy(path: Path) -> None:
    """Q-27: nothing inline, no unescaped attributes, no address of another host"""
    text = re.sub(r"\{#.*?#\}", "", path.read_text(), flags=re.DOTALL)
    assert not re.search(r"\sstyle=|\son[a-z]+=\"|javascript:|hx-on|autoescape off", text)
    in_a_frame_of_its_own = str(path.relative_to(settings.BASE_DIR / "templates")) in SANDBOXED
    assert in_a_frame_of_its_own or not re.search(r"<style|\|safe", text)
    assert not re.search(r"<script(?![^>]*\bsrc=)", text)
    assert not re.search(r"\{\{\s*attrs\s*\}\}", text), (
        "write {{ attrs|html_attrs }}: cotton's own is not escaped"
    )
    assert not re.search(r"(?:src|href|action)=\"(?:https?:)?//", text)


STYLE = SampleStyle()


def test_a_chart_carries_its_numbers_as_a_table() -> None:
    """Q-29"""
    chart = charts.bars(
        ["9 Nov", "10 Nov"],
        [Series("Delivered", "brand", [120_000, 80_000]), Series("Failed", "bad", [1_000, None])],
        title="Messages",
        style=STYLE,
    )
    assert chart.columns == ["", "Delivered", "Failed"]
    assert chart.rows == [["9 Nov", "1,20,000", "1,000"], ["10 Nov", "80,000", "—"]]
    assert chart.legend == [("Delivered", "brand"), ("Failed", "bad")]


def test_bars_are_as_tall_as_their_numbers() -> None:
    """Q-29"""
    chart = charts.bars(["a", "b"], [Series("x", "brand", [100, 50])], title="t", style=STYLE)
    for picture in pictures(chart):
        tall, half = (float(box.get("height", 0)) for box in picture.findall("rect[@class='fill-brand']"))
        assert tall + 1 == pytest.approx(2 * (half + 1), abs=0.2)


def test_a_gap_breaks_a_line_and_its_band() -> None:
    """M-04: a missing day is not drawn as 0"""
    series = Series("Rate", "brand", [1, None, 2, 3], [0, None, 1, 2], [2, None, 3, 4])
    picture = pictures(charts.lines(list("abcd"), [series], title="t", unit=Unit.PERCENT, style=STYLE))[0]
    assert [len((line.get("points") or "").split()) for line in picture.findall("polyline")] == [1, 2]
    assert len(picture.findall("polygon")) == 2


def test_an_interval_says_in_colour_and_table_whether_it_excludes_zero() -> None:
    """Q-29"""
    early = Estimate("Early", None, None, None, "too early to tell")
    chart = charts.intervals(
        [Estimate("Up", 0.5, 1, 1.5), Estimate("Even", -1, 0.2, 1), early], title="Lift", style=STYLE
    )
    assert [line.get("class") for line in pictures(chart)[0].findall("polyline")] == ["line-ok", "line-brand"]
    assert chart.rows[2] == ["Early", "—", "—", "—", "too early to tell"]


def test_charts_of_nothing_are_drawn_and_say_so() -> None:
    """Q-35"""
    chart = charts.bars([], [Series("x", "brand", [])], title="Messages", style=STYLE)
    assert "Messages. No data." in chart.svg
    assert charts.spark([]) == ""
    assert charts.spark([None, 3]) == ""
    assert charts.split([], label="Nothing")


def test_charts_escape_what_they_are_given() -> None:
    """Q-27"""
    chart = charts.lines([EVIL], [Series(EVIL, "brand", [1])], title=EVIL, style=STYLE)
    dots = charts.intervals([Estimate(EVIL, 0, 1, 2, EVIL)], title=EVIL, style=STYLE)
    for svg in (chart.svg, dots.svg, charts.spark([1, 2], label=EVIL), charts.split([], label=EVIL)):
        assert SCRIPT not in svg
    with pytest.raises(ValueError, match="not one of the chart's tones"):
        charts.split([('brand" onload="x', 1)], label="")


def test_a_series_of_the_wrong_length_is_refused() -> None:
    """Q-29"""
    with pytest.raises(ValueError, match="1 values for 2 labels"):
        charts.bars(["a", "b"], [Series("x", "brand", [1])], title="t", style=STYLE)


def test_the_kit_is_closed_to_strangers_on_a_server(client: Client) -> None:
    """T-01"""
    assert client.get("/kit/").status_code == 200
    with override_settings(PLAIN_HTTP=False, SECURE_SSL_REDIRECT=False):
        answer = client.get("/kit/")
    assert answer.status_code == 302
    assert answer["Location"].startswith("/sign-in/")


@pytest.mark.parametrize("name", ["400", "403", "403_csrf", "404", "500"])
def test_error_pages_need_nothing(name: str) -> None:
    """Q-31, Q-35: they render without a request, a person, an org or a database"""
    html = render_to_string(f"{name}.html")
    assert "<h1>" in html
    assert "Go to the console" in html
