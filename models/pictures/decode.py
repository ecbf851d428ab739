"""From the bytes of any ordinary picture to the pixels of an image model's input.

Training and serving both use ``decode``; nothing else turns bytes into pixels.
"""

from __future__ import annotations

import base64
import fcntl
import io
import warnings
from collections.abc import Iterator
from contextlib import closing, contextmanager

import numpy as np
from PIL import Image, UnidentifiedImageError

from models.pictures import blocks, jpeg, kinds, metadata
from models.pictures.shrinking import upright_square
from settings import MAX_PIXELS, get_settings, private_folder

FORMATS = ("JPEG", "PNG", "WEBP", "GIF", "BMP", "TIFF", "AVIF")
READ = "JPEG, PNG, WebP, AVIF, GIF, BMP or TIFF"
LARGE_PIXELS = 4_000_000
# Limit for formats whose decoders hold several copies of a picture.
MAX_HEAVY_PIXELS = 24_000_000
HEAVY = ("WEBP", "TIFF", "AVIF")
DRAFT_SIDE = 256
SCANS = "scans"
# A progressive picture has about ten.
MAX_SCANS = 100
# JPEG cannot be longer, and a row has to fit in a band.
MAX_SIDE = 65_535


class ImageError(ValueError):
    """The bytes are not a readable picture; str() gives the reason and what would be right."""


class ImageTooLarge(ImageError):
    """More pixels than allowed; refused before they are decoded."""


def decode(data: bytes, size: int) -> np.ndarray:
    """Pixels of an encoded picture, uint8 (size, size, 3), RGB, 0..255.

    Turns the picture upright by its EXIF tag, takes the first frame of an animation, puts
    transparency on white, converts 16 bits and CMYK, and resizes the middle square. A picture of
    size×size RGB passes through unchanged. Raises ImageError.
    """
    return pixels(open_header(data), size)


def open_header(data: bytes) -> Image.Image:
    """The picture with its header read and nothing decoded. Raises ImageError, ImageTooLarge."""
    if not data:
        raise ImageError(f"The image is empty (0 bytes); send the bytes of a {READ} file.")
    found = jpeg.scans(data, MAX_SCANS) if data.startswith(jpeg.START) else 0
    if found > MAX_SCANS:
        raise ImageError(
            f"The JPEG has more than {MAX_SCANS} scans or {jpeg.MAX_SEGMENTS:,} segments and takes too long to "
            "decode; save it again."
        )
    if blocks.too_many_blocks(data):
        raise ImageError(f"The picture's file has more than {blocks.MAX_BLOCKS:,} blocks; save it again.")
    plain, aside = metadata.taken_out(data)
    with _as_image_error(data):
        image = _opened(plain)
    # The attributes have the names that Pillow uses in ``info``.
    image.info |= {name: value for name, value in vars(aside).items() if value is not None}
    image.info[SCANS] = found
    if image.mode in ("I", "F"):
        raise ImageError("The picture has 32 bits per grey value; save it with 8 or 16.")
    width, height = image.size
    if max(width, height) > MAX_SIDE:
        raise ImageTooLarge(f"The image has {width}×{height} pixels; at most {MAX_SIDE:,} per side are allowed.")
    most = MAX_HEAVY_PIXELS if _is_heavy(image) else MAX_PIXELS
    if width * height > most:
        raise ImageTooLarge(
            f"The image has {width}×{height} pixels; at most {most // 1_000_000} megapixels are allowed"
            f"{f' for a {image.format} of this kind' if most < MAX_PIXELS else ''}."
        )
    return image


def _opened(data: bytes) -> Image.Image:
    try:
        return Image.open(io.BytesIO(data), formats=FORMATS)
    except Exception:
        if data[4:12] != b"ftypavif":
            raise
    # Pillow reads the EXIF block of an AVIF on opening and refuses the picture if it is damaged: try without it.
    return Image.open(io.BytesIO(data.replace(b"Exif", b"free")), formats=FORMATS)


def _is_heavy(image: Image.Image) -> bool:
    """Whether decoding takes several times the picture's memory: some decoders do, and CMYK with several scans."""
    return image.format in HEAVY or (image.info[SCANS] > 1 and image.mode == "CMYK")


def is_large(image: Image.Image) -> bool:
    """Whether a picture from ``open_header`` takes so much memory that a machine decodes one at a time."""
    scale = 1
    if image.info[SCANS] == 1:  # a JPEG of one scan is never held at its full size, see ``draft``
        scale = next((scale for scale in (8, 4, 2) if min(image.size) // DRAFT_SIDE >= scale), 1)
    return image.width * image.height // scale**2 > LARGE_PIXELS


def pixels(image: Image.Image, size: int) -> np.ndarray:
    """The result of ``decode`` for a picture from ``open_header``, which is closed. Raises ImageError."""
    with closing(image), _one_large_at_a_time(image), _as_image_error(b""):
        image.draft("RGB", (DRAFT_SIDE, DRAFT_SIDE))
        image.load()
        return np.asarray(upright_square(image, size), dtype=np.uint8)


@contextmanager
def _one_large_at_a_time(image: Image.Image) -> Iterator[None]:
    """For a large picture, wait until no other thread or process of this machine is decoding one."""
    if not is_large(image):
        yield
        return
    with (private_folder(get_settings().tmp) / "large-picture.lock").open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


@contextmanager
def _as_image_error(data: bytes) -> Iterator[None]:
    """Turn whatever Pillow raises on ``data`` into an ImageError with a sentence for people."""
    try:
        with warnings.catch_warnings():
            # Pillow warns of bombs and odd metadata; the size is checked above, and the rest does not matter.
            warnings.simplefilter("ignore")
            yield
    except UnidentifiedImageError as error:
        name = kinds.name_of(data)
        subject = f"The data is {name}," if name else "The data is"
        raise ImageError(f"{subject} not a picture of a supported kind; send a {READ} file.") from error
    except Image.DecompressionBombError as error:
        raise ImageTooLarge(
            f"The image has more than {MAX_PIXELS // 1_000_000} megapixels, which is too large."
        ) from error
    except Exception as error:
        # Pillow's decoders raise many types on damaged files (OSError, SyntaxError, struct.error, …).
        raise ImageError("The picture is damaged or cut off and cannot be decoded; send the whole file.") from error


def encode_png(pixels: np.ndarray) -> bytes:
    """PNG bytes of uint8 (h, w, 3) pixels."""
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "PNG")
    return buffer.getvalue()


def encode_base64_png(pixels: np.ndarray) -> str:
    """Base64 text of the PNG of uint8 (h, w, 3) pixels."""
    return base64.b64encode(encode_png(pixels)).decode()
