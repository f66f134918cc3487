"""Campaigns, messages and approvals."""

from django.urls import include, path

from campaigns.views import message

ORG = "o/<slug:org>/"

urlpatterns = [
    path("", include("campaigns.urls_public")),
    path(f"{ORG}messages/<int:pk>/", message.page, name="message"),
]
