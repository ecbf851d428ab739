"""Run the user interface alone, beside an API that runs elsewhere: `python -m ui [--port 7870]`.

The API is the one of this machine's settings (AIR_HOST, AIR_PORT) unless `--api` names another.
"""

from __future__ import annotations

import argparse

from settings import get_settings
from ui.blocks import PAGE_OPTIONS, build
from ui.client import Client


def main() -> None:
    """Serve the page until interrupted."""
    settings = get_settings()
    parser = argparse.ArgumentParser(prog="python -m ui", description="The user interface alone.")
    parser.add_argument("--api", default=settings.api_url, help="address of the API (default: %(default)s)")
    parser.add_argument("--port", type=int, default=settings.air_port + 10, help="port of the page (%(default)s)")
    options = parser.parse_args()
    page = build(Client(options.api), public_url=options.api)
    page.launch(server_name=settings.air_host, server_port=options.port, **PAGE_OPTIONS)


if __name__ == "__main__":
    main()
