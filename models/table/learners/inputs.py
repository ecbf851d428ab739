"""Encoded rows as a linear model or a network takes them: quantities standardised, categories apart, no gaps."""

from __future__ import annotations

import numpy as np

from models.table.steps import CATEGORY, SMALLEST

# A value so many standard deviations from the mean is taken for this: a network's answer to it is a guess anyway.
FARTHEST = 20.0


class Inputs:
    """Fitted on training rows. ``sizes`` has for each encoded column its number of categories, 0 for a quantity.

    A quantity becomes one column with mean 0 and standard deviation 1, a category one column for each of its values,
    standardised too. A gap, and a category that no training row had, become the mean: 0.
    """

    def __init__(self, sizes: np.ndarray, mean: np.ndarray, std: np.ndarray) -> None:
        self.sizes, self.mean, self.std = sizes, mean, std
        # The encoded column that each input comes from.
        self.owners = np.repeat(np.arange(len(sizes)), np.maximum(sizes, 1))

    @classmethod
    def fitted(cls, encoded: np.ndarray, types: list[str]) -> Inputs:
        """On encoded training rows, float32 (n, columns); a column of one value alone becomes 0."""
        sizes = [_categories(column) if kind == CATEGORY else 0 for column, kind in zip(encoded.T, types, strict=True)]
        inputs = cls(np.array(sizes, np.int64), np.zeros(1), np.ones(1))
        apart = inputs._apart(encoded)
        known = ~np.isnan(apart)
        count = np.maximum(known.sum(axis=0), 1)
        inputs.mean = np.where(known, apart, 0).sum(axis=0) / count
        std = np.sqrt(np.where(known, (apart - inputs.mean) ** 2, 0).sum(axis=0) / count)
        inputs.std = np.where(std < SMALLEST * np.maximum(1, np.abs(inputs.mean)), np.inf, std)
        return inputs

    def __call__(self, encoded: np.ndarray) -> np.ndarray:
        """float64 (n, inputs) of encoded rows (n, columns)."""
        scaled = (self._apart(encoded) - self.mean) / self.std
        return np.clip(np.nan_to_num(scaled, nan=0.0), -FARTHEST, FARTHEST)

    def by_column(self, values: np.ndarray) -> np.ndarray:
        """The sums of (n, inputs) over the inputs of each encoded column, (n, columns)."""
        starts = np.searchsorted(self.owners, np.arange(len(self.sizes)))
        return np.add.reduceat(values, starts, axis=1) if len(starts) else values[:, :0]

    def _apart(self, encoded: np.ndarray) -> np.ndarray:
        if not self.sizes.any():
            return encoded.astype(np.float64)
        parts = [
            np.where(np.isnan(column)[:, None], np.nan, column[:, None] == np.arange(size)) if size else column[:, None]
            for column, size in zip(encoded.T, self.sizes, strict=True)
        ]
        return np.hstack(parts).astype(np.float64)


def _categories(codes: np.ndarray) -> int:
    known = codes[~np.isnan(codes)]
    return int(known.max()) + 1 if len(known) else 1
