"""Addresses of the delivery dashboard and what belongs to it."""

from django.urls import path

from campaigns.views import delivery

ORG = "o/<slug:org>/"

urlpatterns = [
    path(f"{ORG}delivery/", delivery.dashboard, name="delivery"),
    path(f"{ORG}delivery/running/", delivery.under_way, name="delivery-running"),
    path(f"{ORG}delivery/senders/", delivery.senders, name="delivery-senders"),
    path(f"{ORG}delivery/halt/", delivery.halt_or_arm, name="delivery-halt"),
    path(f"{ORG}delivery/unconfirmed/", delivery.unconfirmed, name="delivery-unconfirmed"),
    path(f"{ORG}delivery/unconfirmed/release/", delivery.release_row, name="delivery-release"),
    path(f"{ORG}delivery/parked/", delivery.parked, name="delivery-parked"),
    path(f"{ORG}delivery/reasons/<slug:state>/<slug:code>/", delivery.reason, name="delivery-reason"),
    path(f"{ORG}customers/<int:pk>/deliveries/", delivery.customer_deliveries, name="customer-deliveries"),
]
