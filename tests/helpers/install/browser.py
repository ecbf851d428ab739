"""Find a browser for the tests, or install one: Playwright's own, or Debian's Chromium where that fails.

python -m tests.helpers.install.browser
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

SYSTEM_NAMES = ("chromium", "chromium-browser", "google-chrome")


def system_browser() -> str | None:
    """The path of a system browser, or None."""
    return next((path for name in SYSTEM_NAMES if (path := shutil.which(name))), None)


def has_own_browser() -> bool:
    """Whether Playwright has downloaded its Chromium."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        return Path(playwright.chromium.executable_path).exists()


def main() -> int:
    """Install a browser if there is none; exit status 0 on success."""
    if system_browser() or has_own_browser():
        return 0
    print("installing a browser for the tests", flush=True)
    if subprocess.call([sys.executable, "-m", "playwright", "install", "--with-deps", "chromium"], timeout=600) == 0:
        return 0
    if shutil.which("apt-get"):
        sudo = [] if os.geteuid() == 0 else ["sudo"]
        subprocess.call([*sudo, "apt-get", "update", "-qq"])
        subprocess.call([*sudo, "apt-get", "install", "-y", "-qq", "chromium"])
    if system_browser():
        return 0
    print("error: no browser could be installed; install Chromium and run again.", file=sys.stderr)
    return 1


if __name__ == "__main__":
    sys.exit(main())
