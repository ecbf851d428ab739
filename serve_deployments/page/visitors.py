"""Who has the page open, and what they have on it: sessions, open streams, files.

Not run by itself; ``page_guard`` asks it. A visitor is a client's address as HAProxy names it in public mode; without
one (local mode) only what counts for all together is limited. A session is an open page. It ends when none of its
streams has been open for LEFT_S; what the page knows of it and what it uploaded goes with it.
"""

from __future__ import annotations

import asyncio
import time
from collections import Counter, deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

from serve_deployments.http.errors import Busy, Forbidden, Unavailable
from settings import MAX_UPLOAD_BYTES

LEFT_S = 60
MAX_KEPT_BYTES = 4 * MAX_UPLOAD_BYTES
MAX_KEPT_OF_ONE = MAX_UPLOAD_BYTES + 2 * 1024**2
MAX_FILES = 4000
MAX_STREAMS = 800  # how many one client may hold, HAProxy counts
SESSIONS_A_MINUTE = 30


class Sessions:
    """Open pages."""

    def __init__(self, now: Callable[[], float] = time.monotonic) -> None:
        self._now = now
        self._streams: Counter[str] = Counter()
        self._seen: dict[str, float] = {}
        self._new_of: dict[str, deque[float]] = {}

    @contextmanager
    def stream(self, session: str) -> Iterator[None]:
        """While a stream of a session is open. Raises Busy when all together hold too many."""
        if self._streams.total() >= MAX_STREAMS:
            raise Busy("Too many pages are open; try again later.")
        self._streams[session] += 1
        try:
            yield
        finally:
            self._seen[session] = self._now()
            self._streams[session] -= 1
            if not self._streams[session]:
                del self._streams[session]

    def saw(self, visitor: str, session: str) -> None:
        """Note an event of a session. Raises Busy when the visitor opens too many sessions a minute."""
        if visitor and not self.is_alive(session):
            new = self._new_of.setdefault(visitor, deque())
            while new and new[0] < self._now() - 60:
                new.popleft()
            if len(new) >= SESSIONS_A_MINUTE:
                raise Busy(f"Too many pages were opened: at most {SESSIONS_A_MINUTE} a minute.")
            new.append(self._now())
        self._seen[session] = self._now()

    def is_alive(self, session: str) -> bool:
        """Whether the page is open, or was within the last minute."""
        return session in self._streams or self._now() - self._seen.get(session, -LEFT_S) < LEFT_S

    def forget(self) -> list[str]:
        """Forget those that are gone; returns which."""
        gone = [session for session in self._seen if not self.is_alive(session)]
        for session in gone:
            del self._seen[session]
        self._new_of = {who: new for who, new in self._new_of.items() if new[-1] > self._now() - 60}
        return gone


@dataclass
class Kept:
    """A file that came: how often nobody has named it since, and the sessions that have."""

    visitor: str
    size: int
    unclaimed: int = 0
    owners: set[str] = field(default_factory=set)


class Uploads:
    """Files that browsers sent to the page.

    Gradio names a file by its content, so that who names one has it or has seen its name. The first session that names
    a file after it came is its owner; whoever sends the same file owns it as well.
    """

    def __init__(self, folder: Path, sessions: Sessions) -> None:
        self._folder = folder.resolve()
        self._sessions = sessions
        self._files: dict[Path, Kept] = {}
        self._arriving: dict[object, tuple[str, int, float]] = {}

    @contextmanager
    def arriving(self, visitor: str, size: int) -> Iterator[None]:
        """While ``size`` bytes come from a visitor. Raises Unavailable when there is no room for them."""
        taken = [(kept.visitor, kept.size) for kept in self._files.values()]
        taken += [(who, announced) for who, announced, _ in self._arriving.values()]
        if len(taken) > MAX_FILES or size + sum(bytes_ for _, bytes_ in taken) > MAX_KEPT_BYTES:
            raise Unavailable("Too many files are on their way to this server; try again in some minutes.")
        if visitor and size + sum(bytes_ for who, bytes_ in taken if who == visitor) > MAX_KEPT_OF_ONE:
            raise Unavailable("Too many files of yours are on their way; close this page's other windows or wait.")
        one = object()
        self._arriving[one] = visitor, size, time.time()
        try:
            yield
        finally:
            del self._arriving[one]

    def came(self, visitor: str, paths: list[str]) -> None:
        """Note the files that have come as a whole."""
        for path in filter(None, map(self._inside, paths)):
            with suppress(OSError):
                self._files.setdefault(path, Kept(visitor, path.stat().st_size)).unclaimed += 1

    def claim(self, path: str, session: str) -> None:
        """Let a session name a file. Raises Forbidden when it did not upload that."""
        kept = self._files.get(self._inside(path) or self._folder)
        if kept is None or (session not in kept.owners and not kept.unclaimed):
            raise Forbidden("This file is not here any more. Give it again.")
        if session not in kept.owners:
            kept.unclaimed -= 1
            kept.owners.add(session)

    def holds(self, path: str) -> bool:
        """Whether this is a file that a browser sent."""
        return self._inside(path) in self._files

    async def sweep(self) -> None:
        """Delete what nobody has on the page any more: of sessions that ended, or what nobody named for a minute."""
        alive = {path for path, kept in self._files.items() if any(map(self._sessions.is_alive, kept.owners))}
        # What came with an upload that is not yet complete is not named yet.
        since = min([began for *_, began in self._arriving.values()], default=time.time()) - LEFT_S
        for path in await asyncio.to_thread(_clear, self._folder, alive, since, list(self._files)):
            self._files.pop(path, None)

    def _inside(self, path: str) -> Path | None:
        with suppress(OSError, ValueError):
            found = Path(path).resolve()
            return found if found.is_relative_to(self._folder) else None
        return None


def _clear(folder: Path, alive: set[Path], since: float, known: list[Path]) -> list[Path]:
    """Delete old files of a folder; returns those of the known ones that are not there any more."""
    for path in folder.rglob("*"):
        with suppress(OSError):
            if path in alive or path.stat().st_mtime >= since:
                continue
            path.rmdir() if path.is_dir() else path.unlink()  # a folder with something in it stays
    return [path for path in known if not path.exists()]
