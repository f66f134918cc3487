"""What the public pages of an org load, under the console's host, the tracking host and hosts of its own."""

from django.urls import re_path

from engage.orgs.views import public

urlpatterns = [
    # No number that the database could not hold.
    re_path(r"^brand/(?P<org_id>[0-9]{1,18})/(?P<digest>[0-9a-f]{32})\.png$", public.logo, name="brand-logo"),
    re_path(
        r"^brand/(?P<accent>[0-9a-f]{6})-(?P<digest>[0-9a-f]{12})\.css$",
        public.brand_colours,
        name="brand-colours",
    ),
]
