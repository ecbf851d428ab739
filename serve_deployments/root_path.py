"""Where the API stands for those who ask: behind a proxy that serves AIR Studio under a path of its own site.

Not run by itself. Such a proxy takes its prefix away before it passes a request on; links that an
application writes must have it (``AIR_ROOT_PATH``).
"""

from __future__ import annotations

from typing import Any

from settings import get_settings


class RootPath:
    """ASGI middleware: gives the prefix back to the path, so that everything behind it writes right links."""

    def __init__(self, app: Any) -> None:
        self._app = app

    async def __call__(self, scope: dict[str, Any], receive: Any, send: Any) -> None:
        """Pass the request on as the client's own address has it."""
        prefix = get_settings().air_root_path
        if prefix and "path" in scope:
            root_path = prefix + scope.get("root_path", "")
            scope = scope | {"path": prefix + scope["path"], "root_path": root_path}
        await self._app(scope, receive, send)
