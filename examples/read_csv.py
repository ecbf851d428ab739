"""Read a CSV file from disk or from S3, split it, drop a column.

The chapter: ``ray.data.read_csv("s3://…")``, ``Dataset.train_test_split``, ``drop_columns``, all from a Ray AIR
notebook. Today: the same names in Ray Data. Reading is lazy: without ``materialize`` each question below would read
the file again. A split can keep the share of each class (``stratify``).
Look at: the share of class 1, which is the same in both parts; without ``stratify`` it differs by chance.

    python -m examples.read_csv [a path, or s3://bucket/key.csv; s3://anonymous@bucket/key.csv without credentials]
"""

from __future__ import annotations

import sys

from examples import CSV, start_ray

TARGET = "target"


def main(source: str) -> None:
    """Print what is in the file, and in both parts of it."""
    import ray

    start_ray()
    rows = ray.data.read_csv(source).materialize()
    print(f"read {source}: {rows.count()} rows, {len(rows.columns())} columns")

    train, test = rows.train_test_split(test_size=0.3, stratify=TARGET, seed=42)
    for name, part in (("train", train), ("test", test)):
        print(f"{name}: {part.count()} rows, {part.sum(TARGET) / part.count():.1%} with {TARGET} 1")

    questions = test.drop_columns([TARGET])
    print(f"test without {TARGET}: {len(questions.columns())} columns, the first of them {questions.columns()[:2]}")
    if source == str(CSV):
        print("This file was on the disk; give s3://bucket/key.csv to read one from S3.")


if __name__ == "__main__":
    main(sys.argv[1] if len(sys.argv) > 1 else str(CSV))
