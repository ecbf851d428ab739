"""The options of a study, one typed schema per family: the space, the number of trials, the metric.

The command line, the HTTP API and the page read them, like ``training.runs.config``.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, ClassVar, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, field_validator

from models.specs import Learner, ModelSpec
from training.runs.config import JobConfig, TrainImages, TrainTable, chosen_of
from training.runs.errors import OptionError
from training.tuning import space as spaces
from training.tuning.space import BoosterParams, Space, Tunable

TRIAL_EPOCHS, MOST_TRIAL_EPOCHS = 4, 30
# A trial sees so many images at least, few of them several times.
TRIAL_IMAGES = 10_000


class Search(BaseModel):
    """How a study searches: the metric, the sampler and the early stopping.

    ``step`` is the unit of a trial's progress (round, epoch or fold). ASHA first compares trials after ``grace``
    steps and keeps the best 1/``reduction``; without ``grace`` every trial runs to its end. ``minutes`` is
    the approximate time on 2 idle cores. A study over ``learners`` has a space for each, and ``folds``.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    metric: str
    mode: Literal["min", "max"]
    sampler: Literal["tpe", "random"]
    step: str
    num_samples: int
    minutes: float | None = None
    space: Space = {}
    learners: dict[Learner, Space] = {}
    folds: int = 0
    repeats: int = 1
    grace: int | None = None
    reduction: int = 2


class TuneJob(JobConfig):
    """The options of every study."""

    TUNABLE: ClassVar[Tunable]

    preset: str = Field("default", max_length=40, description="a ready-made search of the model")
    num_samples: int | None = Field(
        None, ge=1, le=1000, title="Trials", description="Each is a short training. Default by preset."
    )
    time_budget_s: float | None = Field(
        None,
        gt=0,
        le=604_800,
        title="Time limit",
        description="Ends the study; trials that have ended are kept. Default: no limit.",
    )
    max_concurrent: int | None = Field(
        None, ge=1, le=64, title="Concurrency", description="Trials that run side by side. Default by model."
    )
    seed: int = Field(
        0, ge=0, lt=2**31, title="Seed", description="Seeds the random numbers of the search and of each training."
    )
    space: Space | None = Field(
        None, description="parameters to try, as JSON; default by preset; docs/tuning.md has the form"
    )

    @field_validator("space", mode="before")
    @classmethod
    def _right_for_the_model(cls, given: Any) -> Space | None:
        if given is None:
            return None
        space = spaces.read(given)
        cls.TUNABLE.check(space)
        return space

    def completed(self, spec: ModelSpec) -> Self:
        """These options; raises ConfigError unless the preset is one of the spec's searches."""
        if search_of(spec, self.preset).learners and self.space is not None:
            raise OptionError(["space"], f"the search {self.preset} has a space for each learner; leave it out", None)
        return self

    def search(self, spec: ModelSpec) -> Search:
        """The spec's preset with ``num_samples`` and ``space`` applied. Raises ConfigError."""
        preset = search_of(spec, self.preset)
        given = {"num_samples": self.num_samples, "space": self.space}
        return preset.model_copy(update={k: v for k, v in given.items() if v is not None})

    def written_out(self, spec: ModelSpec) -> Any:
        """These options with the preset's values filled in, so that a record is complete by itself."""
        search = self.search(spec)
        return self.model_copy(update={"num_samples": search.num_samples, "space": search.space or None})

    def at_once(self, cores: int) -> int:
        """The number of concurrent trials: the option's, or one per core."""
        return self.max_concurrent or cores

    def base(self, spec: ModelSpec) -> Any:
        """The training configuration that each trial changes."""
        raise NotImplementedError


def search_of(spec: ModelSpec, preset: str) -> Search:
    """A search of a model's spec. Raises ConfigError."""
    return Search.model_validate(chosen_of(preset, spec.searches))


class TuneTable(TuneJob):
    """Look for better parameters of a model of the table family."""

    TUNABLE: ClassVar[Tunable] = Tunable(TrainTable, ("max_depth", "learning_rate", "num_boost_round"), BoosterParams)

    def at_once(self, cores: int) -> int:  # noqa: ARG002 - the default does not depend on the cores
        """One, unless the option sets more.

        A trial is shorter than the start of a process: the first process runs every trial before a second
        one has started, and for each trial Tune discards that one and starts another.
        """
        return self.max_concurrent or 1

    def base(self, spec: ModelSpec) -> TrainTable:
        """The defaults of a training of trees."""
        return TrainTable(learner="xgboost", seed=self.seed).completed(spec)


class TuneImages(TuneJob):
    """Look for better parameters of a model of the image family, with short trainings on a part of the images."""

    TUNABLE: ClassVar[Tunable] = Tunable(TrainImages, ("learning_rate", "batch_size"))

    train_preset: str = Field("quick", max_length=40, description="whose network is trained: quick, standard or best")
    epochs: int | None = Field(
        None, ge=1, le=100, description="passes over the images of a trial; default 4, more for few images"
    )
    max_images: int = Field(10_000, ge=20, description="images that a trial trains on")

    def completed(self, spec: ModelSpec) -> Self:
        """These options; raises ConfigError unless both presets are the spec's."""
        chosen_of(self.train_preset, spec.presets)
        return super().completed(spec)

    def epochs_for(self, images: int) -> int:
        """Passes over so many images of a trial."""
        return self.epochs or max(TRIAL_EPOCHS, min(MOST_TRIAL_EPOCHS, math.ceil(TRIAL_IMAGES / images)))

    def base(self, spec: ModelSpec) -> TrainImages:
        """The defaults of a training of ``train_preset`` on CPUs."""
        return TrainImages(preset=self.train_preset, seed=self.seed).placed(spec, gpu=False)


@dataclass(frozen=True)
class Task:
    """A study to run: a model and its options."""

    spec: ModelSpec
    config: TuneJob

    @property
    def search(self) -> Search:
        """The search of this study, with its options applied."""
        return self.config.search(self.spec)

    @property
    def base(self) -> Any:
        """The training configuration that each trial changes."""
        return self.config.base(self.spec)

    def training(self, drawn: dict[str, Any]) -> Any:
        """The training configuration with the values of a trial. Raises ConfigError."""
        if "learner" in drawn:
            own = {name: value for name, value in drawn.items() if name in TrainTable.model_fields}
            params = {name: value for name, value in drawn.items() if name not in own}
            given = own | {"seed": self.config.seed} | ({"params": params} if params else {})
            return TrainTable.model_validate(given).completed(self.spec)
        return self.config.TUNABLE.training_config(self.base, drawn)
