"""How often a JPEG goes over its picture: each scan costs a pass over all pixels, and a few bytes ask for one."""

from __future__ import annotations

import re

# Inside a scan 0xFF stands for itself when 0x00 follows; restart marks belong to the scan.
MARKER = re.compile(rb"\xff+([^\x00\xff])")
START_OF_SCAN, END_OF_IMAGE = 0xDA, 0xD9
BARE = {0x01, *range(0xD0, 0xD9)}
SCAN = b"\xff\xda"


def scans(data: bytes) -> int:
    """How many scans the first picture of a JPEG file has; what its segments and what follows it hold is no scan."""
    if data.count(SCAN) == 1:  # quick, and so in most files
        return 1
    found, at = 0, 0
    while marker := MARKER.search(data, at):
        kind, at = marker[1][0], marker.end()
        if kind == END_OF_IMAGE:
            break
        if kind in BARE:
            continue
        found += kind == START_OF_SCAN
        at += max(2, int.from_bytes(data[at : at + 2], "big"))
    return found
