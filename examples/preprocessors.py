"""Every preprocessor of the chapter's table, before and after, on a table of five rows.

The chapter: ``ray.data.preprocessors``, one of which a Trainer got as ``preprocessor=``. Today: the same classes but
``BatchMapper``, which is ``Dataset.map_batches``; one calls ``fit_transform`` on the Dataset, since a Trainer takes
none. PowerTransformer takes its exponent and fits none; FeatureHasher takes columns of counts, not Tokenizer's lists.
Look at: scalers leave a gap a gap, Categorizer numbers it -1, the encoders refuse it and come after an imputer.
"""

from __future__ import annotations

import pandas as pd

from examples import start_ray


def steps() -> list:
    """A preprocessor of each kind."""
    from ray.data import preprocessors as p

    size, sides, colour, text = ["size"], ["x", "y"], ["colour"], ["text"]
    filled = p.SimpleImputer(colour, strategy="most_frequent")
    scalers = [kind(size) for kind in (p.StandardScaler, p.MinMaxScaler, p.MaxAbsScaler)]
    powers = [p.PowerTransformer(sides, power=0.5, method=method) for method in ("yeo-johnson", "box-cox")]
    rows = [p.Normalizer(sides), p.Concatenator(sides), p.FeatureHasher(sides, num_features=4, output_column="hashed")]
    fills = [p.SimpleImputer(size, strategy="mean"), p.SimpleImputer(size, strategy="constant", fill_value=0), filled]
    encoders = [p.Chain(filled, kind(colour)) for kind in (p.OneHotEncoder, p.OrdinalEncoder)]
    labels = [p.Categorizer(colour), p.LabelEncoder("label")]
    words = [p.Tokenizer(text), p.HashingVectorizer(text, num_features=4), p.CountVectorizer(text, max_features=3)]
    return scalers + powers + rows + fills + encoders + labels + words


def shown(frame: pd.DataFrame) -> dict[str, str]:
    """The values of each column: numbers with two decimals, categories as their numbers."""
    frame = frame.assign(**{name: frame[name].cat.codes for name in frame.select_dtypes("category")})
    values = frame.round(2).astype(object).where(frame.notna(), None)
    return {name: f"{name} {[getattr(v, 'tolist', lambda v=v: v)() for v in values[name]]}" for name in values}


def main() -> None:
    """Print the table, then the columns that each preprocessor makes or changes."""
    import ray

    start_ray()
    frame = pd.DataFrame({"size": [1.0, 2.0, None, 5.0, 8.0], "x": [3.0, 4, 6, 12, 15], "y": [4.0, 3, 8, 5, 8]})
    frame["colour"] = ["red", None, "blue", "red", "green"]
    frame["text"] = ["ray is fast", "ray is here", "is it", "fast", "ray ray"]
    frame["label"] = ["yes", "no", "yes", "no", "yes"]
    before = shown(frame)
    print(f"the table: {', '.join(before.values())}")
    for step in steps():
        name = " + ".join(type(part).__name__ for part in getattr(step, "preprocessors", [step]))
        after = shown(step.fit_transform(ray.data.from_pandas(frame)).to_pandas())
        print(f"{name}: {', '.join(text for text in after.values() if text not in before.values())}")
    twice = ray.data.from_pandas(frame[["x"]]).map_batches(lambda batch: batch * 2, batch_format="pandas").to_pandas()
    print(f"map_batches, once BatchMapper: {shown(twice)['x']}")


if __name__ == "__main__":
    main()
