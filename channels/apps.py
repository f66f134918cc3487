from django.apps import AppConfig


class ChannelsConfig(AppConfig):
    """Channel adapters: how a message is handed to a provider."""

    name = "channels"
