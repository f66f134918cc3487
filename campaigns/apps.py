from django.apps import AppConfig

from engage.orgs import menu


class CampaignsConfig(AppConfig):
    """Campaigns, messages, approval, and the send."""

    name = "campaigns"

    def ready(self) -> None:
        # Models are loaded only now.
        from campaigns import audience_uses, filter_fields, merge_sql, tasks
        from campaigns.views.approvals import waiting_count

        merge_sql.register()
        filter_fields.register()
        audience_uses.register()
        menu.add(menu.Entry(0, "New campaign", "campaign-new", "", "plus", "campaign.create", makes=True))
        menu.add(menu.Entry(10, "Campaigns", "campaigns", "campaigns", "megaphone", "campaign.view"))
        menu.add(menu.Entry(20, "Messages", "messages", "messages", "envelope", "campaign.view"))
        menu.add(
            menu.Entry(
                30, "Approvals", "approvals", "approvals", "check-badge", "message.approve", waiting_count
            )
        )
        menu.add(menu.Entry(70, "Delivery", "delivery", "delivery", "server-stack", "ops.view"))
