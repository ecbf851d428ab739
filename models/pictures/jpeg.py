"""How often a JPEG goes over its picture: each scan costs a pass over all pixels, and a few bytes ask for one."""

from __future__ import annotations

import re

START = b"\xff\xd8\xff"
SCAN = b"\xff\xda"
# Inside a scan 0xFF stands for itself when 0x00 follows, and restart marks (0xD0 to 0xD7) belong to the scan.
MARKER = re.compile(rb"\xff+([^\x00\xff\xd0-\xd7])")
START_OF_SCAN, END_OF_IMAGE = 0xDA, 0xD9
BARE = {0x01, 0xD8}
MAX_SEGMENTS = 10_000


def scans(data: bytes, most: int) -> int:
    """How many scans the first picture of a JPEG file has; what its segments and what follows it hold is no scan.

    ``most`` + 1 for one that has more, or more than MAX_SEGMENTS segments: each takes time and memory too.
    """
    only_one = data.count(SCAN) == 1  # quick, and so in most files
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
