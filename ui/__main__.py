"""Run the user interface alone, beside an API that runs elsewhere: `python -m ui [--port 7870]`.

The API is the one of this machine's settings (AIR_HOST, AIR_PORT) unless `--api` names another. It is `app.py` that
serves the page, with all that protects it.
"""

from __future__ import annotations

import os
import sys

from settings import ROOT

if __name__ == "__main__":
    os.execv(sys.executable, [sys.executable, str(ROOT / "app.py"), "page", *sys.argv[1:]])
