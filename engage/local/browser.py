"""`make browser`: Chromium for the browser tests, found or installed. A suite never goes green by skipping."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
DEBIAN_PACKAGES = ("chromium", "fonts-inter", "fonts-noto-core")


def chromium() -> str | None:
    """The program that browser tests drive: CHROMIUM, else one on the path; None for Playwright's own download."""
    return os.environ.get("CHROMIUM") or next((path for name in NAMES if (path := shutil.which(name))), None)


def _playwrights_own() -> bool:
    listed = subprocess.run(
        [sys.executable, "-m", "playwright", "install", "--dry-run", "chromium"],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    folders = [
        line.partition(":")[2].strip() for line in listed.stdout.splitlines() if "Install location" in line
    ]
    return bool(folders) and all(Path(folder).is_dir() for folder in folders)


def main() -> int:
    if chromium() or _playwrights_own():
        return 0
    if os.geteuid() == 0 and shutil.which("apt-get"):
        install = [["apt-get", "update", "-q"], ["apt-get", "install", "-q", "-y", *DEBIAN_PACKAGES]]
    else:
        install = [[sys.executable, "-m", "playwright", "install", "chromium"]]
    for command in install:
        if subprocess.run(command, check=False).returncode != 0:
            break
    if chromium() or _playwrights_own():
        return 0
    sys.stderr.write(
        "The browser tests need Chromium, and it could not be installed: install it with your system's packages, "
        "or set CHROMIUM to its path.\n"
    )
    return 1


if __name__ == "__main__":
    sys.exit(main())
