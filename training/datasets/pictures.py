"""CIFAR-10: the sources of its images, its splits and its fingerprint.

Sources, in this order: ``CIFAR10_DIR`` (Parquet files with the schema of the Hugging Face hub,
torchvision's ``cifar-10-batches-py``, or a folder of class-named folders of images),
torchvision's cache below ``AIR_HOME/cache``, torchvision's download.

The split depends on content only: of the training images of each class, the tenth with the smallest
SHA-256 of its stored bytes is the validation set. Seeds and the order of rows do not matter.
"""

from __future__ import annotations

import hashlib
import pickle
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from models.pictures.decode import FORMATS, ImageError, decode
from settings import Settings
from training.runs.errors import DataError, UnreadablePictureError
from training.runs.ray_session import give_way

SIZE = 32
LABELS = ["airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck"]
REMEDY = (
    "Set CIFAR10_DIR to a folder with the Parquet files of the data set, torchvision's "
    "cifar-10-batches-py, or one folder of images per class."
)
SHIPPED = Path(__file__).with_name("cifar10_examples.parquet")
SHIPPED_SOURCE = "40 validation pictures of CIFAR-10 that ship with AIR Studio (A. Krizhevsky, 2009)"
VALIDATION_SHARE = 0.1
IMAGE_SUFFIXES = {".jpg", ".jpeg", ".png", ".webp", ".gif", ".bmp"}


@dataclass(frozen=True)
class Pictures:
    """Stored pictures of one split, not yet decoded: ``stored[i]`` are file bytes, or raw pixels
    (3072 bytes, channels first, as torchvision keeps them) when ``raw``; ``labels`` int64 (n,);
    ``names[i]`` is its place in the source."""

    stored: pa.BinaryArray
    labels: np.ndarray
    raw: bool
    names: np.ndarray | None = None

    def __len__(self) -> int:
        return len(self.labels)

    def take(self, index: np.ndarray) -> Pictures:
        """The pictures at ``index``, in that order."""
        names = None if self.names is None else self.names[index]
        return Pictures(self.stored.take(pa.array(index)), self.labels[index], self.raw, names)

    def unreadable(self, index: int) -> DataError:
        """The error for a picture that cannot be decoded."""
        if self.names is None:
            return UnreadablePictureError(index)
        return DataError(f"{self.names[index]} cannot be decoded; replace or remove it.")

    def digests(self) -> list[str]:
        """SHA-256 of each picture's stored bytes."""
        return [hashlib.sha256(item.as_buffer()).hexdigest() for item in self.stored]


@dataclass(frozen=True)
class Splits:
    """The three fixed splits, their labels and their source."""

    labels: list[str]
    train: Pictures
    validation: Pictures
    test: Pictures
    source: str

    def fingerprint(self) -> str:
        """SHA-256 over the splits' contents and labels, independent of the order of rows."""
        digest = hashlib.sha256()
        for name in ("train", "validation", "test"):
            part: Pictures = getattr(self, name)
            digest.update(name.encode())
            for line in sorted(f"{d} {y}" for d, y in zip(part.digests(), part.labels, strict=True)):
                digest.update(line.encode())
        return digest.hexdigest()


def load(settings: Settings, download: bool = True) -> Splits:
    """The splits of the first source that exists. Raises DataError, which names a remedy.

    ``download=False`` reads from disk only, for a caller that must not wait.
    """
    if settings.cifar10_dir is not None:
        train, test, labels, source = _read_folder(settings.cifar10_dir)
    else:
        train, test, labels, source = _read_torchvision(settings.air_home / "cache", download)
    for name, part in (("training", train), ("test", test)):
        _check(part, labels, name, source)
    in_validation = _validation_mask(train)
    return Splits(
        labels=labels,
        train=train.take(np.flatnonzero(~in_validation)),
        validation=train.take(np.flatnonzero(in_validation)),
        test=test,
        source=source,
    )


def lacking(settings: Settings) -> str:
    """A sentence about the download that a training needs first; "" if CIFAR-10 is on this machine."""
    if settings.cifar10_dir is not None or _cached(settings.air_home / "cache").is_dir():
        return ""
    return "CIFAR-10 is not on this server: a training downloads it first (170 MB); or set CIFAR10_DIR."


def read_shipped() -> Pictures:
    """Four validation pictures of each class, lossless, for a machine without CIFAR-10.

    Source: A. Krizhevsky, Learning Multiple Layers of Features from Tiny Images, 2009.
    """
    return _pictures_of([SHIPPED])


def decode_stored(stored: list[bytes], raw: bool) -> np.ndarray:
    """uint8 (n, 32, 32, 3) of stored pictures. Raises ImageError for one that cannot be read."""
    if raw:
        pixels = np.frombuffer(b"".join(stored), dtype=np.uint8)
        return pixels.reshape(-1, 3, SIZE, SIZE).transpose(0, 2, 3, 1)
    return np.stack([decode(data, SIZE) for data in stored])


def decode_with_ray(pictures: Pictures) -> np.ndarray:
    """uint8 (n, 32, 32, 3), decoded by parallel Ray Data tasks. Raises DataError for a bad picture."""
    import ray

    table = pa.table({"index": np.arange(len(pictures)), "stored": pictures.stored})
    raw = pictures.raw

    def decode_batch(batch: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
        give_way()
        try:
            images = decode_stored(list(batch["stored"]), raw)
        except ImageError:
            return {"index": batch["index"], "image": _decode_or_blank(batch["stored"])}
        return {"index": batch["index"], "image": images.reshape(len(images), -1)}

    decoded = ray.data.from_arrow(table).repartition(4).map_batches(decode_batch, batch_size=None, num_cpus=0.5)
    images = np.empty((len(pictures), SIZE * SIZE * 3), dtype=np.uint8)
    for batch in decoded.iter_batches(batch_size=None, batch_format="numpy"):
        if batch["image"].shape[1:] != images.shape[1:]:
            bad = next(i for i, image in zip(batch["index"], batch["image"], strict=True) if len(image) == 0)
            raise pictures.unreadable(bad)
        images[batch["index"]] = batch["image"]
    return images.reshape(-1, SIZE, SIZE, 3)


def _decode_or_blank(stored: np.ndarray) -> np.ndarray:
    """Decoded rows as objects, an empty one for a bad picture: errors are passed on as data."""
    rows = np.empty(len(stored), dtype=object)
    for i, data in enumerate(stored):
        try:
            rows[i] = decode(data, SIZE).reshape(-1)
        except ImageError:
            rows[i] = np.empty(0, dtype=np.uint8)
    return rows


def _validation_mask(train: Pictures) -> np.ndarray:
    digests = np.array(train.digests())
    mask = np.zeros(len(train), dtype=bool)
    for label in np.unique(train.labels):
        members = np.flatnonzero(train.labels == label)
        ranked = members[np.argsort(digests[members], kind="stable")]
        mask[ranked[: max(1, round(VALIDATION_SHARE * len(members)))]] = True
    return mask


def _check(part: Pictures, labels: list[str], name: str, source: str) -> None:
    if len(part) == 0:
        raise DataError(f"{source} has no {name} images. {REMEDY}")
    low, high = int(part.labels.min()), int(part.labels.max())
    if low < 0 or high >= len(labels):
        raise DataError(f"{source}: {name} labels go from {low} to {high}; 0 to {len(labels) - 1} are known.")
    missing = [labels[i] for i in range(len(labels)) if not (part.labels == i).any()]
    if missing:
        raise DataError(f"{source}: there are no {name} images of {', '.join(missing)}.")


def _read_folder(folder: Path) -> tuple[Pictures, Pictures, list[str], str]:
    if not folder.is_dir():
        raise DataError(f"CIFAR10_DIR is {folder}, which is not a folder. {REMEDY}")
    if any(folder.rglob("train*.parquet")):
        return (
            _read_parquet(folder, "train"),
            _read_parquet(folder, "test"),
            LABELS,
            f"Parquet in {folder.name}",
        )
    if (folder / "cifar-10-batches-py").is_dir():
        return _read_batches(folder / "cifar-10-batches-py")
    if (folder / "data_batch_1").is_file():
        return _read_batches(folder)
    return _read_class_folders(folder)


def _read_parquet(folder: Path, split: str) -> Pictures:
    files = sorted(folder.rglob(f"{split}*.parquet"))
    if not files:
        raise DataError(f"{folder} has train*.parquet but no {split}*.parquet.")
    return _pictures_of(files)


def _pictures_of(files: list[Path]) -> Pictures:
    try:
        tables = [pq.read_table(file) for file in files]
        table = pa.concat_tables(tables)
        column = "img" if "img" in table.column_names else "image"
        stored = pa.compute.struct_field(table[column], "bytes").combine_chunks()
        labels = table["label"].to_numpy().astype(np.int64)
    except (pa.ArrowException, KeyError, OSError) as error:
        raise DataError(
            f"{files[0]} cannot be read as CIFAR-10 Parquet (columns img with bytes, and label)."
        ) from error
    names = [f"{file.name}, row {row}" for file, part in zip(files, tables, strict=True) for row in range(len(part))]
    if stored.null_count:
        raise DataError(f"{names[stored.is_null().index(True).as_py()]}, has a picture without bytes.")
    return Pictures(stored, labels, raw=False, names=np.array(names, dtype=object))


def _read_batches(folder: Path) -> tuple[Pictures, Pictures, list[str], str]:
    def read(names: list[str]) -> Pictures:
        pixels, labels = [], []
        for name in names:
            try:
                with (folder / name).open("rb") as file:
                    batch = _NumpyUnpickler(file, encoding="latin1").load()
                pixels.append(np.asarray(batch["data"], dtype=np.uint8).reshape(-1, 3 * SIZE * SIZE))
                labels.append(np.asarray(batch["labels"], dtype=np.int64))
            except (OSError, KeyError, ValueError, EOFError, pickle.UnpicklingError) as error:
                raise DataError(f"{folder / name} is missing or damaged; it should be torchvision's file.") from error
        rows = pa.array([row.tobytes() for row in np.concatenate(pixels)], type=pa.binary())
        return Pictures(rows, np.concatenate(labels), raw=True)

    train = read([f"data_batch_{i}" for i in range(1, 6)])
    return train, read(["test_batch"]), LABELS, "torchvision's cifar-10-batches-py"


class _NumpyUnpickler(pickle.Unpickler):
    """Reads the published batches, which are pickles, and allows only numpy arrays in them."""

    def find_class(self, module: str, name: str) -> object:
        if module.split(".")[0] == "numpy" and name in ("ndarray", "dtype", "_reconstruct", "scalar"):
            return super().find_class(module, name)
        raise pickle.UnpicklingError(f"{module}.{name} does not belong in a CIFAR-10 batch")


def _read_class_folders(folder: Path) -> tuple[Pictures, Pictures, list[str], str]:
    split = (folder / "train").is_dir() and (folder / "test").is_dir()
    root = folder / "train" if split else folder
    classes = sorted(path.name for path in root.iterdir() if path.is_dir() and not path.name.startswith("."))
    if len(classes) < 2:
        raise DataError(f"{folder} does not hold CIFAR-10. {REMEDY}")

    def read(base: Path) -> Pictures:
        data, labels, names = [], [], []
        for label, name in enumerate(classes):
            files = sorted(p for p in (base / name).glob("*") if p.suffix.lower() in IMAGE_SUFFIXES)
            if not files:
                kinds = ", ".join(FORMATS)
                raise DataError(f"{base / name} has no images ({kinds}); remove the folder or fill it.")
            data += [file.read_bytes() for file in files]
            labels += [label] * len(files)
            names += [str(file.relative_to(folder)) for file in files]
        in_order = Pictures(
            pa.array(data, type=pa.binary()),
            np.array(labels, dtype=np.int64),
            raw=False,
            names=np.array(names, dtype=object),
        )
        # Shuffled: in class order, a stream would deliver one class at a time, and the first pictures be one class.
        return in_order.take(np.random.default_rng(0).permutation(len(in_order)))

    source = f"class folders in {folder.name}"
    if split:
        return read(root), read(folder / "test"), classes, source
    everything = read(root)
    is_test = np.array([int(digest[-8:], 16) % 6 == 0 for digest in everything.digests()])
    return everything.take(np.flatnonzero(~is_test)), everything.take(np.flatnonzero(is_test)), classes, source


def _read_torchvision(cache: Path, download: bool) -> tuple[Pictures, Pictures, list[str], str]:
    folder = _cached(cache)
    if not folder.is_dir() and download:
        from torchvision.datasets import CIFAR10

        try:
            CIFAR10(root=str(cache), download=True)
        except (OSError, RuntimeError) as error:
            raise DataError(f"CIFAR-10 is not on this machine and cannot be downloaded. {REMEDY}") from error
    if not folder.is_dir():
        raise DataError(f"CIFAR-10 is not on this machine. {REMEDY}")
    return _read_batches(folder)


def _cached(cache: Path) -> Path:
    return cache / "cifar-10-batches-py"
