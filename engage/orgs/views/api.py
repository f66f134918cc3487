"""The first address of the API: what a key is and may do."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest

from engage.orgs.apikeys import Caller, api_view


@api_view(None)
def me(request: HttpRequest, caller: Caller) -> dict[str, Any]:
    return {"org": caller.org.slug, "unit": caller.unit_id, "scopes": sorted(caller.scopes)}
