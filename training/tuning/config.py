"""The options of a study, one typed schema a model: what is tried, how often, and which trial is best.

Like ``training.runs.config``, for the command line, the HTTP API and the page.
"""

from __future__ import annotations

from typing import Any, ClassVar, Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator

from training.runs.config import JobConfig, TrainBreastCancer, TrainCifar10
from training.tuning import space as spaces
from training.tuning.space import BoosterParams, Choice, Float, Int, Log, Space, Tunable


class Search(BaseModel):
    """How a study looks for better values: what it compares, which sampler draws, when a trial is given up.

    ``step`` is what a trial counts (rounds or epochs). ASHA compares trials first after ``grace`` steps
    and keeps the best of ``reduction``; without ``grace`` every trial runs to its end. ``minutes`` is
    about what it takes on 2 cores with nothing else to do.
    """

    model_config = ConfigDict(frozen=True)

    metric: str
    mode: Literal["min", "max"]
    sampler: Literal["tpe", "random"]
    step: str
    num_samples: int
    minutes: float
    space: Space
    grace: int | None = None
    reduction: int = 2


class TuneJob(JobConfig):
    """What every study has."""

    MODEL: ClassVar[str]
    TUNABLE: ClassVar[Tunable]
    SEARCHES: ClassVar[dict[str, Search]]

    preset: str
    num_samples: int | None = Field(
        None, ge=1, le=1000, title="Trials", description="Each is a short training. Default by preset."
    )
    time_budget_s: float | None = Field(
        None,
        gt=0,
        le=604_800,
        title="Time limit",
        description="Ends the study; what has ended by then is kept. Default: no limit.",
    )
    max_concurrent: int | None = Field(
        None, ge=1, le=64, title="Concurrency", description="Trials that run side by side. Default by model."
    )
    seed: int = Field(
        0, ge=0, lt=2**31, title="Seed", description="Starts the random numbers of the search and of each training."
    )
    space: Space | None = Field(None, description="what is tried, JSON; default by preset; docs/tuning.md has the form")

    @field_validator("space", mode="before")
    @classmethod
    def _right_for_the_model(cls, given: Any) -> Space | None:
        if given is None:
            return None
        space = spaces.read(given)
        cls.TUNABLE.check(space)
        return space

    @property
    def search(self) -> Search:
        """The preset with ``num_samples`` and ``space`` applied."""
        given = {"num_samples": self.num_samples, "space": self.space}
        return self.SEARCHES[self.preset].model_copy(update={k: v for k, v in given.items() if v is not None})

    def written_out(self) -> Any:
        """The same with what the preset stands for written out, so that a record says it by itself."""
        search = self.search
        return self.model_copy(update={"num_samples": search.num_samples, "space": search.space})

    def at_once(self, cores: int) -> int:
        """Trials side by side: as many as was asked for, or one a core."""
        return self.max_concurrent or cores

    @property
    def base(self) -> Any:
        """The training configuration that each trial changes."""
        raise NotImplementedError


class TuneBreastCancer(TuneJob):
    """Look for better parameters of the table model."""

    MODEL: ClassVar[str] = "breast-cancer"
    TUNABLE: ClassVar[Tunable] = Tunable(
        TrainBreastCancer, ("max_depth", "learning_rate", "num_boost_round"), BoosterParams
    )
    SEARCHES: ClassVar[dict[str, Search]] = {
        "default": Search(
            metric="validation_logloss",
            mode="min",
            sampler="tpe",
            step="round",
            num_samples=50,
            minutes=1,
            space={
                "max_depth": Int(type="int", low=1, high=8),
                "learning_rate": Log(type="log", low=0.05, high=0.5),
                "num_boost_round": Int(type="int", low=50, high=300),
                # Not subsample and its like: on so few validation rows they find a lucky seed.
                "min_child_weight": Log(type="log", low=0.1, high=10.0),
                "reg_lambda": Log(type="log", low=0.1, high=10.0),
                "reg_alpha": Float(type="float", low=0.0, high=2.0),
                "gamma": Float(type="float", low=0.0, high=2.0),
            },
            grace=100,
            reduction=3,
        ),
        # What the chapter searched, and the name that XGBoost's callback gave the metric there.
        "chapter": Search(
            metric="train-logloss",
            mode="min",
            sampler="random",
            step="round",
            num_samples=2,
            minutes=0.5,
            space={"max_depth": Int(type="int", low=1, high=8)},
        ),
    }

    preset: Literal["chapter", "default"] = Field("default", description="the chapter's search, or a real one")

    def at_once(self, cores: int) -> int:  # noqa: ARG002 - as the other model's
        """One, unless more were asked for.

        A trial is shorter than the start of a process: the first process takes every trial before a second
        one has started, and Tune throws that away and starts another, for each trial.
        """
        return self.max_concurrent or 1

    @property
    def base(self) -> TrainBreastCancer:
        """The defaults of a training."""
        return TrainBreastCancer(seed=self.seed)


class TuneCifar10(TuneJob):
    """Look for better parameters of the image model, with short trainings on a part of the images."""

    MODEL: ClassVar[str] = "cifar10"
    TUNABLE: ClassVar[Tunable] = Tunable(TrainCifar10, ("learning_rate", "batch_size"))
    SEARCHES: ClassVar[dict[str, Search]] = {
        "default": Search(
            metric="validation_accuracy",
            mode="max",
            sampler="tpe",
            step="epoch",
            num_samples=8,
            minutes=4,
            space={
                "learning_rate": Log(type="log", low=0.3, high=3.0),
                "batch_size": Choice(type="choice", values=[100, 150, 250, 350, 500, 750]),
            },
            grace=1,
        ),
    }

    preset: Literal["default"] = Field("default", description="the chapter searched the table model only")
    train_preset: Literal["quick", "standard", "best"] = Field("quick", description="whose network is trained")
    epochs: int = Field(4, ge=1, le=100, description="passes over the images of a trial")
    max_images: int = Field(10_000, ge=20, description="images that a trial trains on")

    @property
    def base(self) -> TrainCifar10:
        """The defaults of a training of ``train_preset`` on CPUs."""
        return TrainCifar10(preset=self.train_preset, seed=self.seed).placed(gpu=False)


TUNE_SCHEMAS: dict[str, type[TuneJob]] = {schema.MODEL: schema for schema in (TuneCifar10, TuneBreastCancer)}
