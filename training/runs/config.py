"""One typed schema per kind of job, for the command line, the HTTP API and the page.

A field is an option ``--kebab-case`` on the command line and a key of ``config`` in
``POST /api/jobs``; its description is the help text.
"""

from __future__ import annotations

import math
import sys
from pathlib import Path
from typing import Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError, ValidationInfo, field_validator, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from models.specs import Learner, ModelSpec, Question
from models.table.learners import name_of
from training.runs import sentences
from training.runs.errors import ConfigError, OptionError
from training.table import learner_options
from training.table.booster_params import refuse_without_effect

BATCH = 250
# Pictures up to this size can make a whole batch; of larger ones it takes fewer, as memory does.
WHOLE_BATCH_SIDE = 64
STEPS_AN_EPOCH, SMALLEST_BATCH = 20, 25
MOST_EPOCHS = 200
# Up to so many pictures, what the shipped network learned of others is worth more than a network of the preset's size.
FEW = 20_000
OBJECTIVES: dict[Question, dict[str, Any]] = {
    "binary": {"objective": "binary:logistic", "eval_metric": ["logloss", "error"]},
    "multiclass": {"objective": "multi:softprob", "eval_metric": ["mlogloss", "merror"]},
    "regression": {"objective": "reg:squarederror", "eval_metric": ["rmse", "mae"]},
}
XGBOOST = {**OBJECTIVES["binary"], "tree_method": "hist"}


class JobConfig(BaseModel):
    """Options of one kind of job; unknown keys are refused."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    def completed(self, spec: ModelSpec) -> Self:  # noqa: ARG002 - subclasses use it
        """These options with defaults from the model's spec. Raises ConfigError for what the model does not have."""
        return self

    def recorded(self) -> dict[str, Any]:
        """These options for a record, as JSON."""
        return self.model_dump(mode="json")


class ImagePreset(BaseModel):
    """The options behind a name such as ``standard``, with its measured time and result.

    ``steps`` are made at least, however few pictures there are. ``translate`` and ``cutout`` in pixels of 32;
    ``batch_on_gpu`` is the batch size on a GPU. ``gives`` is the result in words, ``minutes`` the time on 2 idle
    cores; both are empty if not measured yet.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    epochs: int
    steps: int = 0
    widths: tuple[int, int, int]
    translate: int = 2
    cutout: int = 0
    batch_on_gpu: int = BATCH
    minutes: float | None = None
    gives: str = ""


def chosen_of(name: str, offered: dict[str, Any]) -> dict[str, Any]:
    """The preset of a name. Raises OptionError."""
    if name not in offered:
        *others, last = map(repr, offered)
        names = f"{', '.join(others)} or {last}" if others else last
        raise OptionError(["preset"], f"must be {names}, got {name!r}", within=None)
    return offered[name]


class TrainImages(JobConfig):
    """Train a model of the image family."""

    preset: str = Field(
        "standard", max_length=40, description="trade-off of time and accuracy: quick, standard or best"
    )
    epochs: int | None = Field(
        None,
        ge=1,
        le=500,
        title="Epochs",
        description="Passes over all images; more take longer. Default by preset, and more for few images.",
    )
    batch_size: int | None = Field(
        None,
        ge=10,
        le=5000,
        title="Batch size",
        description="Images per step, over all workers. Default 250, fewer of few images, of standard on GPUs 2000.",
    )
    learning_rate: float = Field(
        1.0, gt=0, le=10, title="Learning rate", description="Factor on the recipe's learning rates; 1 leaves them."
    )
    init: Literal["shipped", "new"] | None = Field(
        None,
        title="Start from",
        description="The weights of the shipped model, or new ones. Default: shipped, where images are few.",
    )
    net: Literal["airnet", "lenet"] = Field("airnet", description="network; lenet is the chapter's")
    seed: int = Field(
        0,
        ge=0,
        lt=2**31,
        title="Seed",
        description="Seeds the random numbers: the same seed gives the same training.",
    )
    num_workers: int | None = Field(None, ge=1, le=16, description="Ray Train workers; default one for each GPU, or 1")
    loader: Literal["memory", "stream", "torch"] = Field(
        "memory", description="decoded once; decoded while it trains, for more than memory holds; or the chapter's way"
    )
    max_images: int | None = Field(None, ge=20, description="train on only this many images, for a quick trial")
    use_corrections: bool = Field(
        False, title="Learn from corrections", description="Learn from the corrected answers too."
    )
    correction_weight: int = Field(
        20, ge=1, le=1000, title="Weight of a correction", description="A correction counts as this many images."
    )

    @model_validator(mode="after")
    def _corrections_in_memory(self) -> TrainImages:
        if self.use_corrections and self.loader != "memory":
            raise ValueError("use_corrections needs the loader memory")
        return self

    @model_validator(mode="after")
    def _has_an_effect(self) -> TrainImages:
        weight = TrainImages.model_fields["correction_weight"].default
        if self.correction_weight != weight and not self.use_corrections:
            raise ValueError("correction_weight has no effect without use_corrections")
        return self

    def completed(self, spec: ModelSpec) -> Self:
        """These options; raises ConfigError unless the preset is one of the spec's."""
        chosen_of(self.preset, spec.presets)
        if self.init == "shipped" and spec.pretrained is None:
            raise OptionError(["init"], f"must be 'new': the spec of {spec.name} names no shipped model to start from")
        return self

    @model_validator(mode="after")
    def _starts_from_its_own_kind(self) -> TrainImages:
        if self.init == "shipped" and self.net != "airnet":
            raise ValueError("init shipped needs the net airnet")
        return self

    def placed(self, spec: ModelSpec, gpu: bool, images: int | None = None) -> Self:
        """These options with those that depend on the device, and on the number of ``images`` if it is given."""
        preset, on_gpu = self.chosen(spec), gpu and self.net == "airnet"
        batch = self.batch_size or _batch(preset.batch_on_gpu if on_gpu else BATCH, spec.data.size, images)
        update: dict[str, Any] = {"batch_size": batch}
        if images is not None:
            few = images <= FEW and self.net == "airnet" and spec.pretrained not in (None, spec.name)
            steps = max(1, images // min(batch, images))
            epochs = max(preset.epochs, min(MOST_EPOCHS, math.ceil(preset.steps / steps)))
            update |= {"init": self.init or ("shipped" if few else "new"), "epochs": self.epochs or epochs}
        return self.model_copy(update=update)

    def chosen(self, spec: ModelSpec) -> ImagePreset:
        """The spec's preset with ``epochs`` applied. Raises ConfigError."""
        preset = ImagePreset.model_validate(chosen_of(self.preset, spec.presets))
        return preset if self.epochs is None else preset.model_copy(update={"epochs": self.epochs})


def _batch(most: int, size: int, images: int | None) -> int:
    """The default of images a step: many small steps where there are few images, and fewer large images."""
    fits = most if size <= WHOLE_BATCH_SIDE else max(10, most * WHOLE_BATCH_SIDE**2 // size**2)
    if images is None:
        return fits
    return min(fits, max(SMALLEST_BATCH, images // STEPS_AN_EPOCH))


class TrainTable(JobConfig):
    """Train a model of the table family."""

    data: str | None = Field(
        None, description="CSV or Parquet file, local or s3://…; default: the one of the model's spec"
    )
    learner: Learner | None = Field(
        None,
        title="Learner",
        description="xgboost: boosted trees; linear: logistic or ridge regression; mlp, keras: a network of PyTorch or "
        "of TensorFlow. Default: the one that has the given options, first that of the model's spec",
    )
    num_boost_round: int = Field(
        100, ge=1, le=5000, title="Trees", description="Boosting rounds; each tree corrects the ones before."
    )
    max_depth: int = Field(3, ge=1, le=15, title="Max depth", description="How many splits a tree makes in a row.")
    l2: float = Field(
        1.0, gt=0, le=1e6, title="L2 penalty", description="Higher makes the coefficients of a linear model smaller."
    )
    epochs: int = Field(100, ge=1, le=1000, title="Epochs", description="Passes of a network over all rows.")
    hidden_units: int = Field(
        64, ge=1, le=1024, title="Hidden units", description="Of each of a network's two hidden layers."
    )
    weight_decay: float = Field(
        0.01, ge=0, le=10, title="Weight decay", description="Higher makes a network's weights smaller."
    )
    learning_rate: float = Field(
        0.2,
        gt=0,
        le=1,
        title="Learning rate",
        description="How much each tree counts, or how far a step of a network goes.",
    )
    scaled_columns: list[str] | None = Field(
        None, description="columns to standardise, or 'all' or 'none'; default: those of the model's spec"
    )
    params: dict[str, float | int | str] = Field({}, description="further XGBoost parameters, key=value")
    early_stopping: int = Field(
        0,
        ge=0,
        le=1000,
        title="Early stopping",
        description="End after so many rounds or epochs without a better answer to the validation rows; 0: never.",
    )
    seed: int = Field(
        0,
        ge=0,
        lt=2**31,
        title="Seed",
        description="Seeds the random numbers: the same seed gives the same training.",
    )
    num_workers: int = Field(1, ge=1, le=16, description="Ray Train workers; 1: without Ray Train, at once")

    @field_validator("params")
    @classmethod
    def _have_an_effect(cls, params: dict[str, Any], info: ValidationInfo) -> dict[str, Any]:
        own = {name: info.data[name] for name in ("max_depth", "learning_rate") if name in info.data}
        refuse_without_effect(XGBOOST | own, params)
        return params

    def completed(self, spec: ModelSpec) -> Self:
        """These options with those of the learner's preset where none is given, and the spec's standardised columns.

        Of ``params`` each is an option of its own. Raises OptionError for an option that has no effect, and for a
        learner that cannot learn here.
        """
        given = [name for name, field in type(self).model_fields.items() if getattr(self, name) != field.default]
        usual = name_of(spec.presets["default"])
        learner = self.learner or learner_options.with_options(given, usual)
        if why := learner_options.missing(learner):
            raise OptionError(["learner"], f"{learner} {why}", within=None)
        for name in learner_options.idle(given, learner):
            raise OptionError([name], f"has no effect with the learner {learner}; leave it out", within=None)
        preset = preset_of(spec, learner)
        updated = {name: value for name, value in preset.items() if name not in self.model_fields_set}
        updated |= {"learner": learner, "params": preset.get("params", {}) | self.params}
        if self.scaled_columns is None:
            of_spec = [name for name, column in spec.columns.items() if column.preprocess == ("standard",)]
            updated["scaled_columns"] = of_spec or ["none"]
        return self.model_copy(update=updated)

    def recorded(self) -> dict[str, Any]:
        """These options without those of other learners."""
        idle = learner_options.idle(type(self).model_fields, self.learner) if self.learner else ()
        return {name: value for name, value in super().recorded().items() if name not in idle}

    def booster_params(self, question: Question = "binary", classes: int = 2) -> dict[str, Any]:
        """XGBoost's parameters, except those of the device."""
        own = {"max_depth": self.max_depth, "learning_rate": self.learning_rate, "seed": self.seed}
        several = {"num_class": classes} if question == "multiclass" else {}
        return XGBOOST | OBJECTIVES[question] | several | own | self.params


class BatchPredict(JobConfig):
    """Predict many rows or pictures at once; without ``data`` and ``upload`` the model's test set."""

    data: str | None = Field(
        None,
        description="local path or s3://…: a CSV or Parquet file of rows; a folder, ZIP or Parquet file of pictures",
    )
    upload: str | None = Field(None, max_length=64, description="the id that POST /api/uploads gave")
    version: str = Field("champion", max_length=64, description="a version or an alias")
    num_workers: int = Field(2, ge=1, le=16, description="actors that hold the model")

    @model_validator(mode="after")
    def _one_source(self) -> BatchPredict:
        if self.data is not None and self.upload is not None:
            raise ValueError("data and upload exclude each other; give one")
        return self


class BatchPredictCommand(BatchPredict):
    """A batch prediction from the command line."""

    output: Path = Field(Path("predictions"), description="folder for predictions.csv and predictions.parquet")


def preset_of(spec: ModelSpec, learner: Learner) -> dict[str, Any]:
    """The options of a learner in the spec's presets."""
    named = (given for given in spec.presets.values() if name_of(given) == learner)
    return {name: value for name, value in next(named, {}).items() if name in learner_options.OPTIONS[learner]}


def from_command_line(schema: type[JobConfig], spec: ModelSpec, arguments: list[str] | None = None) -> Any:
    """Parse ``arguments`` (default: those of this process) into ``schema``, for a model.

    Prints help and exits with 0 on ``--help``; raises ConfigError with one sentence about wrong options.
    """
    try:
        return _given(schema, sys.argv[1:] if arguments is None else arguments).completed(spec)
    except ValidationError as error:
        raise ConfigError(sentences.first_of(error)) from error
    except (SystemExit, ConfigError):
        raise
    except Exception as error:
        raise ConfigError(f"{error}; see --help.") from error


def _given(schema: type[JobConfig], arguments: list[str]) -> JobConfig:
    """The options that are in the arguments; only these are set, so that a model's preset has a say in the others."""

    class CommandLine(BaseSettings, schema):
        __doc__ = schema.__doc__
        model_config = SettingsConfigDict(
            cli_hide_none_type=True, cli_avoid_json=True, cli_implicit_flags=True, cli_kebab_case=True
        )

        @classmethod
        def settings_customise_sources(cls, *sources: Any, **by_name: Any) -> tuple[Any, ...]:  # noqa: ARG003
            """No environment variables: one called ``seed`` is hardly meant."""
            return ()

    found = CommandLine(_cli_parse_args=arguments, _cli_exit_on_error=False)
    return schema.model_validate({name: getattr(found, name) for name in found.model_fields_set})
