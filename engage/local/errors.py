"""What stops a start."""


class StartRefused(Exception):
    """Nothing was started, or all of it was stopped again. The text is one line that says what to do."""
