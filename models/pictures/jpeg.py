"""Count the scans of a JPEG: each takes a pass over all pixels, and a few bytes can start one."""

from __future__ import annotations

import re

START = b"\xff\xd8\xff"
SCAN = b"\xff\xda"
# Inside a scan, 0xFF 0x00 is a plain 0xFF, and restart marks (0xD0 to 0xD7) belong to the scan.
MARKER = re.compile(rb"\xff+([^\x00\xff\xd0-\xd7])")
START_OF_SCAN, END_OF_IMAGE = 0xDA, 0xD9
BARE = {0x01, 0xD8}
MAX_SEGMENTS = 10_000


def scans(data: bytes, most: int) -> int:
    """The number of scans of a JPEG file's first picture, not counting bytes inside segments or after its end.

    ``most`` + 1 if it has more, or more than MAX_SEGMENTS segments, which take time and memory too.
    """
    only_one = data.count(SCAN) == 1  # a quick test that most files pass
    found = at = 0
    for _ in range(MAX_SEGMENTS):
        marker = MARKER.search(data, at)
        if marker is None or marker[1][0] == END_OF_IMAGE:
            return found
        kind, at = marker[1][0], marker.end()
        found += kind == START_OF_SCAN
        if found > most or (found and only_one):
            return found
        if kind not in BARE:
            at += max(2, int.from_bytes(data[at : at + 2], "big"))
    return most + 1
