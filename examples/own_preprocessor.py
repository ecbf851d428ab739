"""A preprocessor of one's own: it learns quantiles of the training rows and clips what lies beyond them.

The chapter: a subclass of ``Preprocessor`` with ``_fit`` and ``_transform_pandas``. Today: the same two methods, in
``ray.data.preprocessor``. What ``_fit`` learns goes into ``stats_``; ``transform`` before ``fit`` is refused;
``serialize`` gives text that travels with a model, and ``transform_batch`` applies it where there is no Ray.
Look at: the test rows are clipped with what the training rows taught, not with their own quantiles.
"""

from __future__ import annotations

import pandas as pd
from ray.data import Dataset
from ray.data.preprocessor import Preprocessor, PreprocessorNotFittedException

from examples import CSV, start_ray

AREA = "mean area"


class Clipper(Preprocessor):
    """Clips columns to the quantiles ``share`` and 1 - ``share`` of the rows that it was fitted on."""

    def __init__(self, columns: list[str], share: float) -> None:
        super().__init__()
        self.columns, self.share = columns, share

    def _fit(self, ds: Dataset) -> Preprocessor:
        frame = ds.select_columns(self.columns).to_pandas()
        self.stats_ = {c: tuple(map(float, frame[c].quantile([self.share, 1 - self.share]))) for c in self.columns}
        return self

    def _transform_pandas(self, df: pd.DataFrame) -> pd.DataFrame:
        return df.assign(**{column: df[column].clip(*self.stats_[column]) for column in self.columns})


def main() -> None:
    """Fit on training rows, apply to test rows, and to one row without Ray."""
    import ray

    start_ray()
    # One block: how rows are shuffled by a seed depends on their blocks, and these on the CPUs.
    rows = ray.data.read_csv(str(CSV), override_num_blocks=1).select_columns([AREA])
    train, test = rows.train_test_split(0.3, shuffle=True, seed=42)
    clipper = Clipper([AREA], share=0.05)
    try:
        clipper.transform(test)
    except PreprocessorNotFittedException as error:
        print(f"before fit: {type(error).__name__}")
    clipped = clipper.fit(train).transform(test)
    print("learned of {} training rows: {} from {:.0f} to {:.0f}".format(train.count(), AREA, *clipper.stats_[AREA]))
    for name, part in (("as read", test), ("clipped", clipped)):
        print(f"{test.count()} test rows {name}: {AREA} from {part.min(AREA):.0f} to {part.max(AREA):.0f}")
    again = Preprocessor.deserialize(clipper.serialize())
    print(f"one row of 9000 without Ray: {again.transform_batch(pd.DataFrame({AREA: [9000.0]}))[AREA][0]:.0f}")


if __name__ == "__main__":
    main()
