from django.http import HttpResponse
from engage.orgs.doors import OrgRequest, org_view


@org_view("campaign.view")
def page(request: OrgRequest, *, pk: int) -> HttpResponse:
    raise NotImplementedError
