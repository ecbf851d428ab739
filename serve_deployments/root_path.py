"""Where the API stands for those who ask: behind a proxy that serves AIR Studio under a path of its own site.

Not run by itself. Such a proxy takes its prefix away before it passes a request on; links that an
application writes must have it (``AIR_ROOT_PATH``).
"""

from __future__ import annotations

from typing import Any


class RootPath:
    """ASGI middleware: gives the prefix back to the path, so that everything behind it writes right links."""

    def __init__(self, app: Any, prefix: str) -> None:
        self._app = app
        self._prefix = prefix

    async def __call__(self, scope: dict[str, Any], receive: Any, send: Any) -> None:
        """Pass the request on as the client's own address has it."""
        if self._prefix and "path" in scope:
            root_path = self._prefix + scope.get("root_path", "")
            scope = scope | {"path": self._prefix + scope["path"], "root_path": root_path}
        await self._app(scope, receive, send)
