"""Pictures of a model's spec: where they come from, how they are split, and their fingerprint.

Sources, in this order: the folder that the spec names, itself or by an environment variable (Parquet files with
the schema of the Hugging Face hub, torchvision's batches, or class folders, ``class_folders``, also as a ZIP archive);
torchvision's cache below ``AIR_HOME/cache``; torchvision's download.

The split depends on content only. Where test images are given: of the training images of each class, the tenth with
the smallest SHA-256 of its stored bytes is the validation set. Seeds and the order of rows do not matter.
"""

from __future__ import annotations

import hashlib
import pickle
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from models.pictures.decode import ImageError, decode
from models.specs import FILE, ModelSpec
from settings import Settings
from training.datasets import class_folders
from training.datasets.class_folders import Noted
from training.runs.errors import DataError, UnreadablePictureError
from training.runs.ray_session import give_way

VALIDATION_SHARE = 0.1


@dataclass(frozen=True)
class Pictures:
    """Stored pictures of one split, not yet decoded: ``stored[i]`` are file bytes, or raw pixels
    (channels first, as torchvision keeps them) when ``raw``; ``labels`` int64 (n,); decoded they are
    ``size`` × ``size`` pixels; ``names[i]`` says where in the source it is."""

    stored: pa.BinaryArray
    labels: np.ndarray
    raw: bool
    size: int
    names: np.ndarray | None = None

    def __len__(self) -> int:
        return len(self.labels)

    def take(self, index: np.ndarray) -> Pictures:
        """The pictures at ``index``, in that order."""
        names = None if self.names is None else self.names[index]
        return Pictures(self.stored.take(pa.array(index)), self.labels[index], self.raw, self.size, names)

    def unreadable(self, index: int) -> DataError:
        """The error for a picture that cannot be decoded."""
        if self.names is None:
            return UnreadablePictureError(index)
        return DataError(f"{self.names[index]} cannot be decoded; replace or remove it.")

    def decoded(self) -> np.ndarray:
        """uint8 (n, size, size, 3), in this process. Raises ImageError for one that cannot be read."""
        return decode_stored([item.as_py() for item in self.stored], self.raw, self.size)

    def digests(self) -> list[str]:
        """SHA-256 of each picture's stored bytes."""
        return [hashlib.sha256(item.as_buffer()).hexdigest() for item in self.stored]


@dataclass(frozen=True)
class Splits:
    """The three fixed splits, their labels and their source, and what was noted about single pictures."""

    labels: list[str]
    train: Pictures
    validation: Pictures
    test: Pictures
    source: str
    noted: Noted = field(default_factory=Noted)

    def fingerprint(self) -> str:
        """SHA-256 over the splits' contents and labels, independent of the order of rows."""
        digest = hashlib.sha256()
        for name in ("train", "validation", "test"):
            part: Pictures = getattr(self, name)
            digest.update(name.encode())
            for line in sorted(f"{d} {y}" for d, y in zip(part.digests(), part.labels, strict=True)):
                digest.update(line.encode())
        return digest.hexdigest()


def load(spec: ModelSpec, settings: Settings, download: bool = True) -> Splits:
    """The splits of the first source that is there. Raises DataError with the way out.

    ``download=False`` reads from disk only, for a caller that must not wait.
    """
    source = _Source(spec, settings)
    splits = source.read(download)
    for split, part in (("training", splits.train), ("validation", splits.validation), ("test", splits.test)):
        _check(part, splits.labels, split, splits.source, source.way_out)
    return splits


def lacking(spec: ModelSpec, settings: Settings) -> str:
    """What a training does first, in a sentence, where its pictures are not on this machine; "" where they are."""
    source = _Source(spec, settings)
    if source.folder is not None or source.is_cached:
        return ""
    data = spec.data
    return (
        f"{data.title} is not on this server: a training downloads it first ({data.download_mb} MB), "
        f"unless {data.folder_env} names the folder that holds it."
    )


def folder(spec: ModelSpec, settings: Settings) -> Path | None:
    """The folder that holds the pictures; None where they come from torchvision."""
    return _Source(spec, settings).folder


def stamp(spec: ModelSpec, settings: Settings) -> tuple[int, ...]:
    """What changes when the spec does, or the pictures in its folder: what was read of them is old then."""
    given, source = spec.path(FILE), _Source(spec, settings).folder
    return ((given.stat().st_mtime_ns,) if given.exists() else ()) + (class_folders.stamp(source) if source else ())


def read_examples(spec: ModelSpec) -> Pictures:
    """The few validation pictures that ship with the spec, lossless, for a machine without its data.

    Raises DataError when none ship.
    """
    if spec.data.examples is None:
        raise DataError(f"The model {spec.name} has no pictures beside its data.")
    return _read_files(spec, [spec.path(spec.data.examples)])


def decode_stored(stored: list[bytes], raw: bool, size: int) -> np.ndarray:
    """uint8 (n, size, size, 3) of stored pictures. Raises ImageError for one that cannot be read."""
    if raw:
        pixels = np.frombuffer(b"".join(stored), dtype=np.uint8)
        return pixels.reshape(-1, 3, size, size).transpose(0, 2, 3, 1)
    return np.stack([decode(data, size) for data in stored])


def decode_with_ray(pictures: Pictures) -> np.ndarray:
    """uint8 (n, size, size, 3), decoded by parallel Ray Data tasks. Raises DataError for a bad picture."""
    import ray

    table = pa.table({"index": np.arange(len(pictures)), "stored": pictures.stored})
    raw, size = pictures.raw, pictures.size

    def decode_batch(batch: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
        give_way()
        try:
            images = decode_stored(list(batch["stored"]), raw, size)
        except ImageError:
            return {"index": batch["index"], "image": _decode_or_blank(batch["stored"], size)}
        return {"index": batch["index"], "image": images.reshape(len(images), -1)}

    decoded = ray.data.from_arrow(table).repartition(4).map_batches(decode_batch, batch_size=None, num_cpus=0.5)
    images = np.empty((len(pictures), size * size * 3), dtype=np.uint8)
    for batch in decoded.iter_batches(batch_size=None, batch_format="numpy"):
        if batch["image"].shape[1:] != images.shape[1:]:
            bad = next(i for i, image in zip(batch["index"], batch["image"], strict=True) if len(image) == 0)
            raise pictures.unreadable(bad)
        images[batch["index"]] = batch["image"]
    return images.reshape(-1, size, size, 3)


def _decode_or_blank(stored: np.ndarray, size: int) -> np.ndarray:
    """Decoded rows as objects, an empty one where a picture is bad: errors travel as data."""
    rows = np.empty(len(stored), dtype=object)
    for i, data in enumerate(stored):
        try:
            rows[i] = decode(data, size).reshape(-1)
        except ImageError:
            rows[i] = np.empty(0, dtype=np.uint8)
    return rows


def _splits(train: Pictures, test: Pictures, labels: list[str], source: str) -> Splits:
    """The splits of a source that has training and test pictures."""
    in_validation = _validation_mask(train)
    return Splits(
        labels=labels,
        train=train.take(np.flatnonzero(~in_validation)),
        validation=train.take(np.flatnonzero(in_validation)),
        test=test,
        source=source,
    )


def _validation_mask(train: Pictures) -> np.ndarray:
    digests = np.array(train.digests())
    mask = np.zeros(len(train), dtype=bool)
    for label in np.unique(train.labels):
        members = np.flatnonzero(train.labels == label)
        ranked = members[np.argsort(digests[members], kind="stable")]
        mask[ranked[: max(1, round(VALIDATION_SHARE * len(members)))]] = True
    return mask


def is_zip(path: Path) -> bool:
    """Whether this is a ZIP archive by its name, and not a folder."""
    return path.suffix.lower() == ".zip" and path.is_file()


def _check(part: Pictures, labels: list[str], name: str, source: str, way_out: str) -> None:
    if len(part) == 0:
        raise DataError(f"{source} has no {name} images. {way_out}")
    low, high = int(part.labels.min()), int(part.labels.max())
    if low < 0 or high >= len(labels):
        raise DataError(f"{source}: {name} labels go from {low} to {high}; 0 to {len(labels) - 1} are known.")
    missing = [labels[i] for i in range(len(labels)) if not (part.labels == i).any()]
    if missing:
        raise DataError(f"{source}: there are no {name} images of {', '.join(missing)}.")


class _Source:
    """Where a spec's pictures are on this machine."""

    def __init__(self, spec: ModelSpec, settings: Settings) -> None:
        data = spec.data
        self._spec, self._size = spec, data.size
        self._named = data.folder_env or f"{spec.name}'s folder"
        given = settings.folder_of(data.folder_env) if data.folder_env else None
        self.folder = given or (spec.path(data.folder) if data.folder else None)
        self._cache = settings.air_home / "cache"
        # Beside the data of a user's model, so that it goes when the model goes.
        self._checked = (self._cache if spec.is_shipped else spec.folder) / f"checked-pictures-{spec.name}.json"
        batches = f"torchvision's {data.batches}, " if data.batches else ""
        parts = f"the Parquet files of the data set, {batches}or one folder of images per class"
        self.way_out = f"Set {self._named} to a folder with {parts}." if data.folder_env else f"It takes {parts}."

    @property
    def is_cached(self) -> bool:
        """Whether torchvision has downloaded the pictures."""
        batches = self._spec.data.batches
        return batches is not None and (self._cache / batches).is_dir()

    def read(self, download: bool) -> Splits:
        """The splits, unchecked. Raises DataError."""
        return self._read_torchvision(download) if self.folder is None else self._read_folder(self.folder)

    def _read_folder(self, folder: Path) -> Splits:
        batches = self._spec.data.batches
        if is_zip(folder):
            return self._read_class_folders(folder)
        if not folder.is_dir():
            raise DataError(f"{self._named} is {folder}, which is no folder. {self.way_out}")
        if any(folder.rglob("train*.parquet")):
            parts = (self._read_parquet(folder, split) for split in ("train", "test"))
            return _splits(*parts, self._labels(), f"Parquet in {folder.name}")
        if batches and (folder / batches).is_dir():
            return self._read_batches(folder / batches)
        if batches and (folder / "data_batch_1").is_file():
            return self._read_batches(folder)
        return self._read_class_folders(folder)

    def _labels(self) -> list[str]:
        if self._spec.data.labels is None:
            raise DataError(f"The spec of {self._spec.name} must name its labels: numbers of classes are in its files.")
        return self._spec.data.labels

    def _read_parquet(self, folder: Path, split: str) -> Pictures:
        files = sorted(folder.rglob(f"{split}*.parquet"))
        if not files:
            raise DataError(f"{folder} has train*.parquet but no {split}*.parquet.")
        return _read_files(self._spec, files)

    def _read_batches(self, folder: Path) -> Splits:
        def read(names: list[str]) -> Pictures:
            pixels, labels = [], []
            for name in names:
                try:
                    with (folder / name).open("rb") as file:
                        batch = _NumpyUnpickler(file, encoding="latin1").load()
                    pixels.append(np.asarray(batch["data"], dtype=np.uint8).reshape(-1, 3 * self._size * self._size))
                    labels.append(np.asarray(batch["labels"], dtype=np.int64))
                except (OSError, KeyError, ValueError, EOFError, pickle.UnpicklingError) as error:
                    raise DataError(
                        f"{folder / name} is missing or damaged; it should be torchvision's file."
                    ) from error
            rows = pa.array([row.tobytes() for row in np.concatenate(pixels)], type=pa.binary())
            return Pictures(rows, np.concatenate(labels), raw=True, size=self._size)

        train = read([f"data_batch_{i}" for i in range(1, 6)])
        return _splits(train, read(["test_batch"]), self._labels(), f"torchvision's {self._spec.data.batches}")

    def _read_class_folders(self, source: Path) -> Splits:
        if source.is_dir() and not any(path.is_dir() for path in source.iterdir()):
            raise DataError(f"{source} holds no {self._spec.data.title or 'class folders'}. {self.way_out}")
        found = class_folders.read(source, self._size, self._checked)
        everything = Pictures(
            pa.array(found.stored, type=pa.binary()), found.labels, raw=False, size=self._size, names=found.names
        )
        # Class after class would make a stream of one class at a time, and one class of the first pictures.
        order = np.random.default_rng(0).permutation(len(everything))
        parts = (
            everything.take(order[found.split[order] == split])
            for split in (class_folders.TRAIN, class_folders.VALIDATION, class_folders.TEST)
        )
        return Splits(found.classes, *parts, f"class folders in {source.name}", found.noted)

    def _read_torchvision(self, download: bool) -> Splits:
        data = self._spec.data
        if data.torchvision is None or data.batches is None:
            raise DataError(f"The spec of {self._spec.name} names no folder and no data set of torchvision.")
        if not self.is_cached and download:
            import torchvision

            try:
                getattr(torchvision.datasets, data.torchvision)(root=str(self._cache), download=True)
            except (OSError, RuntimeError) as error:
                raise DataError(f"{data.title} is not here and cannot be downloaded. {self.way_out}") from error
        if not self.is_cached:
            raise DataError(f"{data.title} is not on this machine. {self.way_out}")
        return self._read_batches(self._cache / data.batches)


def _read_files(spec: ModelSpec, files: list[Path]) -> Pictures:
    """Pictures of Parquet files as the Hugging Face hub has them. Raises DataError."""
    try:
        tables = [pq.read_table(file) for file in files]
        table = pa.concat_tables(tables)
        column = "img" if "img" in table.column_names else "image"
        stored = pa.compute.struct_field(table[column], "bytes").combine_chunks()
        labels = table["label"].to_numpy().astype(np.int64)
    except (pa.ArrowException, KeyError, OSError) as error:
        raise DataError(
            f"{files[0]} cannot be read as {spec.data.title} Parquet (columns img with bytes, and label)."
        ) from error
    names = [f"{file.name}, row {row}" for file, part in zip(files, tables, strict=True) for row in range(len(part))]
    if stored.null_count:
        raise DataError(f"{names[stored.is_null().index(True).as_py()]}, has a picture without bytes.")
    return Pictures(stored, labels, raw=False, size=spec.data.size, names=np.array(names, dtype=object))


class _NumpyUnpickler(pickle.Unpickler):
    """Reads the published batches, which are pickles, and allows only numpy arrays in them."""

    def find_class(self, module: str, name: str) -> object:
        if module.split(".")[0] == "numpy" and name in ("ndarray", "dtype", "_reconstruct", "scalar"):
            return super().find_class(module, name)
        raise pickle.UnpicklingError(f"{module}.{name} does not belong in torchvision's batches")
