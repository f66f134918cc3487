"""Campaigns, messages and approvals."""

from django.urls import path

from campaigns.views import message

ORG = "o/<slug:org>/"

urlpatterns = [
    path(f"{ORG}messages/<int:pk>/", message.page, name="message"),
]
