"""Addresses of the public doors, on the tracking host: what messages and providers carry (channels/tokens.py)."""

from django.urls import include, path, re_path

from campaigns.doors import hooks, hosts, tracking, unsubscribe

urlpatterns = [
    path("", include("engage.orgs.urls_public")),
    path("certificate-wanted", hosts.certificate_wanted, name="certificate-wanted"),
    path("hooks/<str:token>/", hooks.provider_hook, name="provider-hook"),
    path("u/<str:token>", unsubscribe.unsubscribe, name="unsubscribe"),
    path("c/<str:token>", tracking.click, name="click"),
    # Exactly as long as an open token: an org's page without its last slash is not one.
    re_path(r"^o/(?P<token>[0-9A-Za-z_-]{40})$", tracking.open_pixel, name="open-pixel"),
    re_path(r"^(?P<code>[0-9A-Z][0-9A-Za-z]{8})$", tracking.short, name="short-link"),
]
