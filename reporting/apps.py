from django.apps import AppConfig


class ReportingConfig(AppConfig):
    """Numbers: roll-ups, statistics, dashboards, exports."""

    name = "reporting"
