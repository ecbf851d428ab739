"""The visitors of the page: their sessions, open streams and files.

A visitor is a client's address, which HAProxy sends in public mode; in local mode there is none, and only the totals
are limited. A session is an open page. It ends when none of its streams has been open for LEFT_S; its state and
uploads are deleted then.
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
LOADED_S = 5  # a browser that shows a picture has loaded it by then
MAX_KEPT_BYTES = 4 * MAX_UPLOAD_BYTES
MAX_KEPT_OF_ONE = MAX_UPLOAD_BYTES + 2 * 1024**2
MAX_FILES = 4000
MAX_STREAMS = 800  # of all clients; HAProxy limits those of each
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
        """Count a stream of a session while it is open. Raises Busy when too many are open in total."""
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
        """Forget the sessions that have ended; returns them."""
        gone = [session for session in self._seen if not self.is_alive(session)]
        for session in gone:
            del self._seen[session]
        self._new_of = {who: new for who, new in self._new_of.items() if new[-1] > self._now() - 60}
        return gone


@dataclass
class Kept:
    """An uploaded file: uploads of it that no session has claimed yet, its owners, and when one released it."""

    visitor: str
    size: int
    unclaimed: int = 0
    owners: set[str] = field(default_factory=set)
    released: float | None = None


class Uploads:
    """Files that browsers sent to the page.

    Gradio names a file by its content, so whoever names one has it or has seen its name. The first session that names
    a file after its upload owns it; a session that uploads the same file owns it as well.
    """

    def __init__(self, folder: Path, sessions: Sessions) -> None:
        self._folder = folder.resolve()
        self._sessions = sessions
        self._files: dict[Path, Kept] = {}
        self._arriving: dict[object, tuple[str, int, float]] = {}

    @contextmanager
    def arriving(self, visitor: str, size: int) -> Iterator[None]:
        """Reserve ``size`` bytes for an upload in progress. Raises Unavailable when there is no room for them."""
        taken = [(kept.visitor, kept.size) for kept in self._files.values()]
        taken += [(who, announced) for who, announced, _ in self._arriving.values()]
        if len(taken) > MAX_FILES or size + sum(bytes_ for _, bytes_ in taken) > MAX_KEPT_BYTES:
            raise Unavailable("This server is receiving too many files; try again in a few minutes.")
        if visitor and size + sum(bytes_ for who, bytes_ in taken if who == visitor) > MAX_KEPT_OF_ONE:
            raise Unavailable("You have too many files on this server; close this page's other windows, or wait.")
        one = object()
        self._arriving[one] = visitor, size, time.time()
        try:
            yield
        finally:
            del self._arriving[one]

    def came(self, visitor: str, paths: list[str]) -> None:
        """Record files that have arrived completely."""
        for path in filter(None, map(self._inside, paths)):
            with suppress(OSError):
                self._files.setdefault(path, Kept(visitor, path.stat().st_size)).unclaimed += 1

    def claim(self, path: str, session: str) -> None:
        """Make a session an owner of a file. Raises Forbidden when it did not upload it."""
        kept = self._files.get(self._inside(path) or self._folder)
        if kept is None or (session not in kept.owners and not kept.unclaimed):
            raise Forbidden("This file is no longer on the server. Choose it again.")
        if session not in kept.owners:
            kept.unclaimed -= 1
            kept.owners.add(session)

    def release(self, path: str, session: str) -> None:
        """A session no longer needs a file; it is deleted soon, unless another session owns it or it comes again."""
        kept = self._files.get(self._inside(path) or self._folder)
        if kept and session in kept.owners:
            kept.owners.remove(session)
            kept.released = time.time()

    def holds(self, path: str) -> bool:
        """Whether this is an uploaded file."""
        return self._inside(path) in self._files

    async def sweep(self) -> None:
        """Delete files whose sessions have all ended or released them, and what no session claimed within a minute."""
        # A released file that comes again meanwhile is younger than its release.
        due = {path: kept.released for path, kept in self._files.items() if _is_due(kept)}
        alive = {path for path, kept in self._files.items() if any(map(self._sessions.is_alive, kept.owners))}
        # No session can have named a file of an upload that is still in progress.
        since = min([began for *_, began in self._arriving.values()], default=time.time()) - LEFT_S
        for path in await asyncio.to_thread(_clear, self._folder, alive, due, since, list(self._files)):
            self._files.pop(path, None)

    def _inside(self, path: str) -> Path | None:
        with suppress(OSError, ValueError):
            found = Path(path).resolve()
            return found if found.is_relative_to(self._folder) else None
        return None


def _is_due(kept: Kept) -> bool:
    left = not kept.owners and not kept.unclaimed
    return left and kept.released is not None and time.time() - kept.released >= LOADED_S


def _clear(folder: Path, alive: set[Path], due: dict[Path, float], since: float, known: list[Path]) -> list[Path]:
    """Delete the files of a folder that are due or old; returns the known ones that no longer exist."""
    for path in folder.rglob("*"):
        with suppress(OSError):
            if path in alive or path.stat().st_mtime >= due.get(path, since):
                continue
            path.rmdir() if path.is_dir() else path.unlink()  # fails for a folder that is not empty
    return [path for path in known if not path.exists()]
