"""From the bytes of any ordinary picture to the pixels that an image model sees.

Training and serving both go through ``decode``; nothing else turns bytes into pixels.
"""

from __future__ import annotations

import base64
import io
import warnings
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
from PIL import Image, ImageOps, UnidentifiedImageError

from settings import MAX_PIXELS

FORMATS = ("JPEG", "PNG", "WEBP", "GIF", "BMP")


class ImageError(ValueError):
    """The bytes are no picture that can be read; str() says why and what would be right."""


class ImageTooLarge(ImageError):
    """More pixels than MAX_PIXELS; refused before they are decoded."""


def decode(data: bytes, size: int) -> np.ndarray:
    """Pixels of an encoded picture, uint8 (size, size, 3), RGB, 0..255.

    The picture is turned upright by its EXIF tag, the first frame of an animation is taken,
    transparency is laid on white, 16-bit and CMYK are converted, and the middle square is
    resized. A picture of size×size RGB passes through unchanged. Raises ImageError.
    """
    return pixels(open_header(data), size)


def open_header(data: bytes) -> Image.Image:
    """The picture with its header read and nothing decoded. Raises ImageError, ImageTooLarge."""
    if not data:
        raise ImageError("The image is empty (0 bytes); send the bytes of a JPEG, PNG, WebP, GIF or BMP file.")
    with _told():
        image = Image.open(io.BytesIO(data), formats=FORMATS)
    width, height = image.size
    if width * height > MAX_PIXELS:
        raise ImageTooLarge(
            f"The image has {width}×{height} pixels; at most {MAX_PIXELS // 1_000_000} megapixels are read."
        )
    return image


def pixels(image: Image.Image, size: int) -> np.ndarray:
    """What ``decode`` returns, of what ``open_header`` returned. Raises ImageError."""
    return np.asarray(_square(_upright(image), size), dtype=np.uint8)


def _upright(image: Image.Image) -> Image.Image:
    """The whole picture of ``open_header`` as upright RGB at its own size. Raises ImageError."""
    with _told():
        image.draft("RGB", (256, 256))
        image.load()
        ImageOps.exif_transpose(image, in_place=True)
        return _to_rgb(image)


@contextmanager
def _told() -> Iterator[None]:
    """Turn whatever Pillow raises into an ImageError that tells a person what is wrong."""
    try:
        with warnings.catch_warnings():
            # Pillow warns of bombs and odd metadata; size is checked here and the rest decides nothing.
            warnings.simplefilter("ignore")
            yield
    except UnidentifiedImageError as error:
        raise ImageError("The data is not a picture; send a JPEG, PNG, WebP, GIF or BMP file.") from error
    except Image.DecompressionBombError as error:
        raise ImageTooLarge(
            f"The image has more than {MAX_PIXELS // 1_000_000} megapixels, which is too large."
        ) from error
    except Exception as error:
        # Pillow's decoders raise many types on damaged files (OSError, SyntaxError, struct.error, …).
        raise ImageError("The picture is damaged or cut off and cannot be decoded; send the whole file.") from error


def _to_rgb(image: Image.Image) -> Image.Image:
    if image.mode.startswith("I") or image.mode == "F":
        # Pillow clips 16-bit greys at 255 instead of scaling them.
        grey = np.asarray(image, dtype=np.float32)
        scale = 257.0 if grey.max(initial=0) > 255 else 1.0
        return Image.fromarray(np.clip(grey / scale, 0, 255).astype(np.uint8)).convert("RGB")
    if image.mode in ("RGBA", "LA", "PA", "RGBa", "La") or "transparency" in image.info:
        rgba = image.convert("RGBA")
        white = Image.new("RGBA", rgba.size, "white")
        return Image.alpha_composite(white, rgba).convert("RGB")
    return image.convert("RGB")


def _square(image: Image.Image, size: int) -> Image.Image:
    if image.size == (size, size):
        return image
    return ImageOps.fit(
        image, (size, size), method=Image.Resampling.BOX if min(image.size) >= size else Image.Resampling.BICUBIC
    )


def encode_png(pixels: np.ndarray) -> bytes:
    """PNG bytes of uint8 (h, w, 3) pixels."""
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "PNG")
    return buffer.getvalue()


def encode_base64_png(pixels: np.ndarray) -> str:
    """Base64 text of the PNG of uint8 (h, w, 3) pixels."""
    return base64.b64encode(encode_png(pixels)).decode()
