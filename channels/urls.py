"""Senders, the sandbox's outbox, reply words."""

from django.urls import path

from channels import views

SENDERS = "o/<slug:org>/settings/senders/"
SENDER = f"{SENDERS}<int:pk>/"

urlpatterns = [
    path(SENDERS, views.sender_list, name="senders"),
    path(f"{SENDERS}new/", views.sender_new, name="sender-new"),
    path(f"{SENDERS}sandbox/", views.sender_sandbox, name="sender-sandbox"),
    path(f"{SENDERS}replies/", views.words, name="reply-words"),
    path(f"{SENDERS}replies/<int:pk>/remove/", views.words_remove, name="reply-words-remove"),
    path(SENDER, views.sender_edit, name="sender"),
    path(f"{SENDER}test/", views.sender_test, name="sender-test"),
    path(f"{SENDER}status/", views.sender_status, name="sender-status"),
    path(f"{SENDER}dns/", views.sender_dns, name="sender-dns"),
    path(f"{SENDER}webhook/", views.sender_hook, name="sender-hook"),
    path(f"{SENDER}outbox/", views.outbox_list, name="outbox"),
    path(f"{SENDER}outbox/<str:message>/", views.outbox_message, name="outbox-message"),
    path(f"{SENDER}outbox/<str:message>/html/", views.outbox_html, name="outbox-html"),
]
