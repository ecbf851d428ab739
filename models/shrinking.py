"""A large picture made small band by band: the same pixels as from the whole at once, in a fraction of the memory."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from PIL import ExifTags, Image

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
# Orientations whose columns are the upright picture's rows, and those that begin at the far end of the file's.
SIDEWAYS, FROM_THE_END = {5, 6, 7, 8}, {3, 4, 7, 8}
WITH_ALPHA = ("RGBA", "LA", "PA", "RGBa", "La")


def upright_square(image: Image.Image, size: int) -> Image.Image:
    """The middle square of a loaded picture as RGB, size×size, upright by its EXIF tag, transparency on white.

    One that is size×size already passes unchanged.
    """
    orientation = image.getexif().get(ExifTags.Base.Orientation, 1)
    width, height = image.size[::-1] if orientation in SIDEWAYS else image.size
    grey_scale = _grey_scale(image)
    side = min(width, height)
    method = Image.Resampling.BOX if side >= size else Image.Resampling.BICUBIC
    left, top = (width - side) / 2, (height - side) / 2
    if width * height <= BAND_PIXELS:
        rgb = _to_rgb(_turned(image, orientation), grey_scale)
        return rgb.resize((size, size), method, box=(left, top, left + side, top + side))
    # Pillow resizes rows first, each by itself, and columns of the result then.
    narrow = Image.new("RGB", (size, height))
    for row, band in _bands(image, orientation):
        rgb = _to_rgb(band, grey_scale)
        narrow.paste(rgb.resize((size, rgb.height), method, box=(left, 0, left + side, rgb.height)), (0, row))
    return narrow.resize((size, size), method, box=(0, top, size, top + side))


def _bands(image: Image.Image, orientation: int) -> Iterator[tuple[int, Image.Image]]:
    """Upright bands of whole rows that make up the picture, each with the row that it begins at."""
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


def _is_deep(image: Image.Image) -> bool:
    return image.mode.startswith("I") or image.mode == "F"


def _grey_scale(image: Image.Image) -> float:
    """What greys of more than 8 bits are divided by: Pillow clips those of 16 bits at 255 instead of scaling them."""
    if not _is_deep(image):
        return 1.0
    brightest = max(np.asarray(band, dtype=np.float32).max(initial=0) for _, band in _bands(image, 1))
    return 257.0 if brightest > 255 else 1.0


def _to_rgb(band: Image.Image, grey_scale: float) -> Image.Image:
    if _is_deep(band):
        grey = np.asarray(band, dtype=np.float32)
        return Image.fromarray(np.clip(grey / grey_scale, 0, 255).astype(np.uint8)).convert("RGB")
    if band.mode in WITH_ALPHA or "transparency" in band.info:
        rgba = band.convert("RGBA")
        white = Image.new("RGBA", rgba.size, "white")
        return Image.alpha_composite(white, rgba).convert("RGB")
    return band.convert("RGB")
