"""The strip, reports of campaigns and messages."""

from django.urls import path

from reporting.views import reports, strip

ORG = "o/<slug:org>/"

urlpatterns = [
    path(f"{ORG}reports/", reports.reports, name="reports"),
    path(f"{ORG}reports/strip/", strip.kpi_strip, name="kpi-strip"),
    path(f"{ORG}reports/campaign-numbers/", strip.campaign_numbers, name="campaign-numbers"),
    path(f"{ORG}reports/campaigns/<int:pk>/", reports.campaign_report, name="campaign-report"),
    path(
        f"{ORG}reports/campaigns/<int:pk>/customers/<slug:who>/", reports.customers, name="report-customers"
    ),
    path(f"{ORG}reports/messages/<int:pk>/", reports.message_report, name="message-report"),
]
