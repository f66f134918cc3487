"""Every address of the console. Each app's own stand in its `urls.py`; org pages begin with `/o/<org>/`."""

from django.http import HttpRequest, HttpResponse
from django.urls import include, path


def ping(request: HttpRequest) -> HttpResponse:
    """The web server answers; asks nothing of the database."""
    return HttpResponse("ok", content_type="text/plain")


urlpatterns = [
    path("ping", ping, name="ping"),
    path("", include("engage.orgs.urls")),
    path("", include("audiences.urls")),
    path("", include("channels.urls")),
    path("", include("campaigns.urls")),
    path("", include("conversions.urls")),
    path("", include("reporting.urls")),
]
