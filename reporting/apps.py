from django.apps import AppConfig


class ReportingConfig(AppConfig):
    """Numbers: roll-ups, statistics, dashboards."""

    name = "reporting"

    def ready(self) -> None:
        # Models can be imported only now; the import registers the doorbell.
        from engage.orgs import menu
        from reporting import tasks

        menu.add(menu.Entry(60, "Reports", "reports", "reports", "chart-bar", "report.view"))
