"""The programs about data: reading a CSV file, the preprocessors, one's own."""

from __future__ import annotations

from pathlib import Path

import boto3

import examples
from tests.helpers.programs import output_of
from tests.helpers.servers.aws import KEYS, aws_server

SPLIT = [
    "train: 399 rows, 62.7% with target 1",
    "test: 170 rows, 62.9% with target 1",
    "test without target: 30 columns, the first of them ['mean radius', 'mean texture']",
]


def test_csv_is_read_from_disk(tmp_path: Path) -> None:
    assert output_of("read_csv", tmp_path) == [
        f"read {examples.CSV}: 569 rows, 31 columns",
        *SPLIT,
        "This file was on the disk; give s3://bucket/key.csv to read one from S3.",
    ]


def test_csv_is_read_from_s3(tmp_path: Path) -> None:
    with aws_server() as url:
        keys = {"aws_access_key_id": KEYS["AWS_ACCESS_KEY_ID"], "aws_secret_access_key": KEYS["AWS_SECRET_ACCESS_KEY"]}
        s3 = boto3.client("s3", endpoint_url=url, region_name="us-east-1", **keys)
        s3.create_bucket(Bucket="chapter")
        s3.upload_file(str(examples.CSV), "chapter", "samples.csv")
        source = "s3://chapter/samples.csv"
        printed = output_of("read_csv", tmp_path, source, AWS_ENDPOINT_URL=url, AWS_REGION="us-east-1", **KEYS)
    assert printed == [f"read {source}: 569 rows, 31 columns", *SPLIT]


def test_every_preprocessor_shows_what_it_makes(tmp_path: Path) -> None:
    assert output_of("preprocessors", tmp_path) == [
        "the table: size [1.0, 2.0, None, 5.0, 8.0], x [3.0, 4.0, 6.0, 12.0, 15.0], y [4.0, 3.0, 8.0, 5.0, 8.0], "
        "colour ['red', None, 'blue', 'red', 'green'], "
        "text ['ray is fast', 'ray is here', 'is it', 'fast', 'ray ray'], label ['yes', 'no', 'yes', 'no', 'yes']",
        "StandardScaler: size [-1.1, -0.73, None, 0.37, 1.46]",
        "MinMaxScaler: size [0.0, 0.14, None, 0.57, 1.0]",
        "MaxAbsScaler: size [0.12, 0.25, None, 0.62, 1.0]",
        "PowerTransformer: x [2.0, 2.47, 3.29, 5.21, 6.0], y [2.47, 2.0, 4.0, 2.9, 4.0]",
        "PowerTransformer: x [1.46, 2.0, 2.9, 4.93, 5.75], y [2.0, 1.46, 3.66, 2.47, 3.66]",
        "Normalizer: x [0.6, 0.8, 0.6, 0.92, 0.88], y [0.8, 0.6, 0.8, 0.38, 0.47]",
        "Concatenator: concat_out [[3.0, 4.0], [4.0, 3.0], [6.0, 8.0], [12.0, 5.0], [15.0, 8.0]]",
        "FeatureHasher: hashed [[0.0, 3.0, 4.0, 0.0], [0.0, 4.0, 3.0, 0.0], [0.0, 6.0, 8.0, 0.0], "
        "[0.0, 12.0, 5.0, 0.0], [0.0, 15.0, 8.0, 0.0]]",
        "SimpleImputer: size [1.0, 2.0, 4.0, 5.0, 8.0]",
        "SimpleImputer: size [1.0, 2.0, 0.0, 5.0, 8.0]",
        "SimpleImputer: colour ['red', 'red', 'blue', 'red', 'green']",
        "SimpleImputer + OneHotEncoder: colour [[0, 0, 1], [0, 0, 1], [1, 0, 0], [0, 0, 1], [0, 1, 0]]",
        "SimpleImputer + OrdinalEncoder: colour [2, 2, 0, 2, 1]",
        "Categorizer: colour [2, -1, 0, 2, 1]",
        "LabelEncoder: label [1, 0, 1, 0, 1]",
        "Tokenizer: text [['ray', 'is', 'fast'], ['ray', 'is', 'here'], ['is', 'it'], ['fast'], ['ray', 'ray']]",
        "HashingVectorizer: text [[0, 1, 1, 1], [0, 1, 1, 1], [0, 0, 1, 1], [0, 0, 0, 1], [0, 2, 0, 0]]",
        "CountVectorizer: text [[1, 1, 1], [1, 1, 0], [0, 1, 0], [0, 0, 1], [2, 0, 0]]",
        "map_batches, once BatchMapper: x [6.0, 8.0, 12.0, 24.0, 30.0]",
    ]


def test_own_preprocessor_clips_to_what_training_rows_taught(tmp_path: Path) -> None:
    assert output_of("own_preprocessor", tmp_path) == [
        "before fit: PreprocessorNotFittedException",
        "learned of 398 training rows: mean area from 273 to 1327",
        "171 test rows as read: mean area from 170 to 2250",
        "171 test rows clipped: mean area from 273 to 1327",
        "one row of 9000 without Ray: 1327",
    ]
