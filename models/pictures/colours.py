"""Convert colours to sRGB by the picture's profile: the same numbers mean different colours in different profiles."""

from __future__ import annotations

import io
from functools import lru_cache

import numpy as np
from PIL import Image, ImageCms

from models.pictures.metadata import MAX_PROFILE_BYTES

# The picture mode that a profile applies to, by the profile's colour space.
MODES = {"RGB": "RGB", "GRAY": "L", "CMYK": "CMYK"}
# A profile counts as sRGB if it changes no level by more than this.
NEAR = 3


@lru_cache(maxsize=16)
def to_srgb(profile: bytes | None) -> tuple[str, ImageCms.ImageCmsTransform] | None:
    """The mode that a profile applies to and its transform to sRGB; None for sRGB itself and for broken profiles."""
    if not profile or len(profile) >= MAX_PROFILE_BYTES:
        return None
    try:
        own = ImageCms.ImageCmsProfile(io.BytesIO(profile))
        mode = MODES[own.profile.xcolor_space.strip()]
        transform = ImageCms.buildTransform(
            own, ImageCms.createProfile("sRGB"), mode, "RGB", flags=ImageCms.Flags.NOCACHE
        )
        return None if _changes_nothing(transform, mode) else (mode, transform)
    except Exception:  # ignore a broken profile, as Pillow does
        return None


def _changes_nothing(transform: ImageCms.ImageCmsTransform, mode: str) -> bool:
    if mode == "CMYK":
        return False
    levels = np.arange(0, 256, 15, dtype=np.uint8)
    cube = np.stack(np.meshgrid(levels, levels, levels), axis=-1).reshape(1, -1, 3) if mode == "RGB" else levels[None]
    picture = Image.fromarray(cube)
    before, after = (np.asarray(one.convert("RGB"), dtype=int) for one in (picture, transform.apply(picture)))
    return bool(np.abs(before - after).max() <= NEAR)
