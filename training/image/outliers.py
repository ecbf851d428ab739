"""Pictures that belong to none of the classes: noise, plain colours, gradients, patterns, text, shapes.

The image model learns to be unsure about them (outlier exposure: Hendrycks, Mazeika, Dietterich,
"Deep Anomaly Detection with Outlier Exposure", arXiv:1812.04606), and validation counts how often
it is.
"""

from __future__ import annotations

import string

import numpy as np
from PIL import Image, ImageDraw, ImageFilter, ImageFont

# They are drawn so large, then scaled to the model's size.
SIZE = 32


def draw(count: int, seed: int, size: int = SIZE) -> np.ndarray:
    """``count`` outlier pictures, uint8 (count, size, size, 3); the same for the same seed."""
    random = np.random.default_rng(seed)
    kinds = (_noise, _plain, _gradient, _stripes, _checkers, _text, _dots, _smooth_noise)
    drawn = [kinds[i % len(kinds)](random) for i in range(count)]
    if size != SIZE:
        drawn = [np.asarray(Image.fromarray(one).resize((size, size), Image.Resampling.BICUBIC)) for one in drawn]
    return np.stack(drawn)


def _colour(random: np.random.Generator) -> np.ndarray:
    if random.random() < 0.3:
        return np.full(3, random.integers(0, 256))
    return random.integers(0, 256, 3)


def _noise(random: np.random.Generator) -> np.ndarray:
    channels = 1 if random.random() < 0.3 else 3
    kind = random.integers(3)
    if kind == 0:
        image = random.integers(0, 256, (SIZE, SIZE, channels))
    elif kind == 1:
        image = random.normal(random.uniform(60, 200), random.uniform(10, 90), (SIZE, SIZE, channels))
    else:
        image = 255 * (random.random((SIZE, SIZE, channels)) < random.uniform(0.05, 0.95))
    return np.broadcast_to(np.clip(image, 0, 255), (SIZE, SIZE, 3)).astype(np.uint8)


def _plain(random: np.random.Generator) -> np.ndarray:
    image = np.full((SIZE, SIZE, 3), _colour(random), dtype=np.float64)
    return np.clip(image + random.normal(0, random.choice([0, 1, 3]), image.shape), 0, 255).astype(np.uint8)


def _ramp(random: np.random.Generator) -> np.ndarray:
    """Position along a random direction, 0..1, (SIZE, SIZE)."""
    angle = random.uniform(0, 2 * np.pi)
    y, x = np.mgrid[0:SIZE, 0:SIZE] / SIZE
    along = x * np.cos(angle) + y * np.sin(angle)
    return (along - along.min()) / (along.max() - along.min())


def _blend(weight: np.ndarray, random: np.random.Generator) -> np.ndarray:
    a, b = _colour(random), _colour(random)
    return (a + (b - a) * weight[..., None]).astype(np.uint8)


def _gradient(random: np.random.Generator) -> np.ndarray:
    if random.random() < 0.3:
        y, x = np.mgrid[0:SIZE, 0:SIZE] - random.uniform(4, 28, 2).reshape(2, 1, 1)
        return _blend(np.clip(np.hypot(x, y) / random.uniform(10, 40), 0, 1), random)
    return _blend(_ramp(random), random)


def _stripes(random: np.random.Generator) -> np.ndarray:
    wave = np.sin(2 * np.pi * (random.uniform(1, 12) * _ramp(random) + random.random()))
    return _blend(wave > 0 if random.random() < 0.6 else (wave + 1) / 2, random)


def _checkers(random: np.random.Generator) -> np.ndarray:
    y, x = np.mgrid[0:SIZE, 0:SIZE] + random.integers(0, 8, 2).reshape(2, 1, 1)
    cell_y, cell_x = random.integers(1, 11, 2) if random.random() < 0.3 else [random.integers(1, 11)] * 2
    if random.random() < 0.25:
        grid = (x % (cell_x + 2) == 0) | (y % (cell_y + 2) == 0)
    else:
        grid = (x // cell_x + y // cell_y) % 2
    return _blend(grid.astype(np.float64), random)


def _text(random: np.random.Generator) -> np.ndarray:
    """Text drawn at a random size and shrunk, like a picture of a page or a sign."""
    side = int(random.choice([32, 64, 128, 256]))
    image = Image.new("RGB", (side, side), tuple(int(v) for v in _colour(random)))
    pen = ImageDraw.Draw(image)
    letters = string.ascii_letters + string.digits + "    .,"
    font = ImageFont.load_default(size=float(random.uniform(0.09, 0.45) * side) + 6)
    fill = tuple(int(v) for v in _colour(random))
    y = float(random.uniform(-0.05, 0.3) * side)
    for _ in range(int(random.integers(1, 8))):
        x, line = float(random.uniform(-0.05, 0.2) * side), "".join(random.choice(list(letters), 24))
        if y < side:  # drawing below the picture would take most of the time
            pen.text((x, y), line, fill=fill, font=font)
        y += 1.2 * font.size
    return np.asarray(image.resize((SIZE, SIZE), Image.Resampling.BOX))


def _dots(random: np.random.Generator) -> np.ndarray:
    """Flat geometric shapes."""
    image = Image.new("RGB", (128, 128), tuple(int(v) for v in _colour(random)))
    pen = ImageDraw.Draw(image)
    for _ in range(int(random.integers(1, 25))):
        x, y = random.uniform(-10, 120, 2)
        w, h = random.uniform(4, 60, 2)
        shape = random.choice(["ellipse", "rectangle", "line"])
        getattr(pen, shape)((x, y, x + w, y + h), fill=tuple(int(v) for v in _colour(random)))
    return np.asarray(image.resize((SIZE, SIZE), Image.Resampling.BOX))


def _smooth_noise(random: np.random.Generator) -> np.ndarray:
    small = random.integers(0, 256, (int(random.integers(2, 16)),) * 2 + (3,)).astype(np.uint8)
    image = Image.fromarray(small).resize(
        (SIZE, SIZE), random.choice([Image.Resampling.NEAREST, Image.Resampling.BICUBIC])
    )
    return np.asarray(image.filter(ImageFilter.GaussianBlur(float(random.uniform(0, 1.5)))))
