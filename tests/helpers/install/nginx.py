"""Find nginx for the tests, or install Debian's.

python -m tests.helpers.install.nginx
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys


def nginx() -> str | None:
    """The path of nginx, which Debian installs outside some users' PATH, or None."""
    return shutil.which("nginx", path=f"{os.environ.get('PATH', '')}:/usr/sbin")


def main() -> int:
    """Install nginx if there is none; exit status 0 on success."""
    if nginx():
        return 0
    print("installing nginx for the tests", flush=True)
    if shutil.which("apt-get"):
        sudo = [] if os.geteuid() == 0 else ["sudo"]
        subprocess.call([*sudo, "apt-get", "update", "-qq"])
        # Installed, not started: the tests run it themselves, on ports of their own.
        subprocess.call([*sudo, "env", "RUNLEVEL=1", "apt-get", "install", "-y", "-qq", "nginx-light"])
    if nginx():
        return 0
    print("error: no nginx could be installed; install it and run again.", file=sys.stderr)
    return 1


if __name__ == "__main__":
    sys.exit(main())
