"""Campaigns, messages and approvals."""

from django.urls import include, path

from campaigns.views import (
    approvals,
    campaign,
    campaign_form,
    campaigns,
    domains,
    landing,
    message,
    messages,
    previews,
    testing,
    wizard,
)

ORG = "o/<slug:org>/"
CAMPAIGN = f"{ORG}campaigns/<int:pk>/"
MESSAGE = f"{ORG}messages/<int:pk>/"

urlpatterns = [
    path("", include("campaigns.urls_public")),
    path("", include("campaigns.urls_delivery")),
    path(f"{ORG}campaigns/", campaigns.campaign_list, name="campaigns"),
    path(f"{ORG}campaigns/new/", campaign_form.new, name="campaign-new"),
    path(f"{ORG}campaigns/new/draft/", campaign_form.keep, name="campaign-new-draft"),
    path(CAMPAIGN, campaign.page, name="campaign"),
    path(f"{CAMPAIGN}edit/", campaign_form.edit, name="campaign-edit"),
    path(f"{CAMPAIGN}edit/draft/", campaign_form.keep, name="campaign-draft"),
    path(f"{CAMPAIGN}duplicate/", campaign.duplicate, name="campaign-duplicate"),
    path(f"{CAMPAIGN}archive/", campaign.archive, name="campaign-archive"),
    path(f"{CAMPAIGN}delete/", campaign.delete, name="campaign-delete"),
    path(f"{CAMPAIGN}messages/new/", wizard.new, name="message-new"),
    path(f"{CAMPAIGN}decide/", approvals.decide_all, name="decide-all"),
    path(f"{ORG}messages/", messages.messages, name="messages"),
    path(MESSAGE, message.page, name="message"),
    path(f"{MESSAGE}move/", message.move, name="message-move"),
    path(f"{MESSAGE}duplicate/", message.duplicate, name="message-duplicate"),
    path(f"{MESSAGE}export/", message.export, name="message-export"),
    path(f"{MESSAGE}test/", testing.message_test, name="message-test"),
    path(f"{MESSAGE}delete/", message.delete, name="message-delete"),
    path(f"{MESSAGE}submit/", wizard.submit, name="message-submit"),
    path(f"{MESSAGE}funnel/", previews.message_funnel, name="message-funnel"),
    path(f"{MESSAGE}preview/", previews.message_preview, name="message-preview"),
    path(f"{MESSAGE}preview/frame/", previews.preview_frame, name="message-preview-frame"),
    path(f"{MESSAGE}approval/", approvals.approval, name="message-approval"),
    path(f"{MESSAGE}approve/", approvals.approve, name="message-approve"),
    path(f"{MESSAGE}reject/", approvals.reject, name="message-reject"),
    path(f"{MESSAGE}steps/<slug:step>/", wizard.step, name="message-step"),
    path(f"{ORG}settings/brand/page/", landing.preview, name="settings-landing"),
    path(f"{ORG}settings/domain/", domains.page, name="settings-domain"),
    path(f"{ORG}settings/test-contacts/", testing.contacts, name="settings-test-contacts"),
    path(
        f"{ORG}settings/test-contacts/<int:pk>/remove/", testing.remove, name="settings-test-contact-remove"
    ),
    path(
        f"{ORG}settings/brand-contacts/<int:pk>/remove/",
        testing.remove_brand,
        name="settings-brand-contact-remove",
    ),
    path(f"{ORG}approvals/", approvals.approvals, name="approvals"),
]
