"""Shrink a large picture band by band: the same pixels as from the whole at once, in a fraction of the memory."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

import numpy as np
from PIL import ExifTags, Image

from models.pictures import colours

BAND_PIXELS = 500_000
TURNS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
# Orientations whose columns are the upright picture's rows, and those whose first row is at the file's end.
SIDEWAYS, FROM_THE_END = {5, 6, 7, 8}, {3, 4, 7, 8}
GREY = ("L", "1")
WITH_ALPHA = ("RGBA", "LA", "PA", "RGBa", "La")


def upright_square(image: Image.Image, size: int) -> Image.Image:
    """The middle square of a loaded picture as size×size RGB in sRGB, upright by its EXIF tag, transparency on white.

    A picture that is already size×size passes unchanged, apart from its colour profile.
    """
    orientation = _orientation(image)
    width, height = image.size[::-1] if orientation in SIDEWAYS else image.size
    to_rgb = partial(_to_rgb, profile=image.info.get("icc_profile"), opaque=_is_all_clear_bmp(image))
    side = min(width, height)
    method = Image.Resampling.BOX if side >= size else Image.Resampling.BICUBIC
    left, top = (width - side) / 2, (height - side) / 2
    if width * height <= BAND_PIXELS:
        rgb = to_rgb(_turned(image, orientation))
        return rgb.resize((size, size), method, box=(left, top, left + side, top + side))
    # As Pillow does: resize each row by itself, then the columns of the result.
    narrow = Image.new("RGB", (size, height))
    for row, band in _bands(image, orientation):
        rgb = to_rgb(band)
        narrow.paste(rgb.resize((size, rgb.height), method, box=(left, 0, left + side, rgb.height)), (0, row))
    return narrow.resize((size, size), method, box=(0, top, size, top + side))


def _bands(image: Image.Image, orientation: int) -> Iterator[tuple[int, Image.Image]]:
    """Upright bands of whole rows that make up the picture, each with its first row's number."""
    width, height = image.size
    sideways, from_the_end = orientation in SIDEWAYS, orientation in FROM_THE_END
    across, along = (height, width) if sideways else (width, height)
    step = max(1, BAND_PIXELS // across)
    for begin in range(0, along, step):
        end = min(begin + step, along)
        first, last = (along - end, along - begin) if from_the_end else (begin, end)
        band = image.crop((first, 0, last, height) if sideways else (0, first, width, last))
        yield begin, _turned(band, orientation)


def _turned(image: Image.Image, orientation: int) -> Image.Image:
    return image.transpose(TURNS[orientation]) if orientation in TURNS else image


def _orientation(image: Image.Image) -> int:
    """The EXIF orientation, 1 to 8; 1 where it cannot be read."""
    try:
        found = image.getexif().get(ExifTags.Base.Orientation, 1)
    except Exception:  # Pillow raises many types on damaged tags
        return 1
    return found if isinstance(found, int) and found in TURNS else 1


def _is_all_clear_bmp(image: Image.Image) -> bool:
    """Whether the alpha channel of a BMP is zero everywhere: programs without alpha support leave it so."""
    if image.format != "BMP" or image.mode != "RGBA":
        return False
    return not any(band.getchannel("A").getextrema()[1] for _, band in _bands(image, 1))


def _to_rgb(band: Image.Image, profile: bytes | None, opaque: bool) -> Image.Image:
    """A band as RGB in sRGB; 16-bit grey is divided by 257, because Pillow would clip it at 255."""
    alpha = None
    if band.mode.startswith("I;16"):
        grey = np.asarray(band).astype(np.uint32)
        clear = band.info.get("transparency")
        alpha = None if clear is None else Image.fromarray(np.where(grey == clear, 0, 255).astype(np.uint8))
        band = Image.fromarray(((grey + 128) // 257).astype(np.uint8))
    elif band.mode in WITH_ALPHA or "transparency" in band.info:
        rgba = band.convert("RGBA")
        alpha = None if opaque else rgba.getchannel("A")
        band = band.convert("L") if band.mode == "LA" else rgba.convert("RGB")
    rgb = _to_srgb(band, profile)
    if alpha is None:
        return rgb
    white = Image.new("RGBA", rgb.size, "white")
    rgb.putalpha(alpha)
    return Image.alpha_composite(white, rgb).convert("RGB")


def _to_srgb(band: Image.Image, profile: bytes | None) -> Image.Image:
    mode, transform = colours.to_srgb(profile) or ("", None)
    # Ignore a profile for other channels than the picture has.
    fits = (band.mode == "CMYK", band.mode in GREY) == (mode == "CMYK", mode == "L")
    if transform is None or not fits:
        return band.convert("RGB")
    return transform.apply(band if band.mode == mode else band.convert(mode))
