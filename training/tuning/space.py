"""The space of a study: a range or a choice for each parameter, checked against the training schema.

    {"max_depth": {"type": "int", "low": 1, "high": 8},
     "learning_rate": {"type": "log", "low": 0.01, "high": 0.5},
     "subsample": {"type": "float", "low": 0.5, "high": 1.0},
     "batch_size": {"type": "choice", "values": [100, 250, 500]}}

``low`` and ``high`` are both possible values; ``log`` draws uniformly on a logarithmic scale.
``training_config`` turns the drawn values into a training configuration.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, StrictInt, TypeAdapter, ValidationError

from training.runs import sentences
from training.runs.errors import ConfigError

MAX_CHOICES = 50
TYPES = ("float", "log", "int", "choice")
Finite = Annotated[float, Field(strict=True, allow_inf_nan=False)]


class SpaceError(ValueError):
    """A space that cannot be searched: ``path`` leads to the parameter and its field, ``problem`` says why."""

    def __init__(self, problem: str, *path: str) -> None:
        super().__init__(f"{'.'.join(path)}: {problem}" if path else problem)
        self.problem = problem
        self.path = path


class Dimension(BaseModel):
    """The possible values of one parameter."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    def ends(self) -> list[tuple[str, Any]]:
        """The values that must be valid for all values to be valid, each with its field."""
        raise NotImplementedError

    def fault(self) -> str | None:
        """The fault of this range or choice in itself, in words, or None."""
        return None

    def has(self, value: Any) -> bool:
        """Whether a study could draw ``value``."""
        raise NotImplementedError


class Range(Dimension):
    """From ``low`` to ``high``."""

    low: Finite
    high: Finite

    def ends(self) -> list[tuple[str, Any]]:
        return [("low", self.low), ("high", self.high)]

    def fault(self) -> str | None:
        return None if self.low < self.high else f"low is {self.low:g} and high is {self.high:g}; low must be below"

    def has(self, value: Any) -> bool:
        return self.low <= value <= self.high


class Float(Range):
    """Any number of a range."""

    type: Literal["float"]


class Log(Range):
    """Any number of a range above 0, drawn by its logarithm."""

    type: Literal["log"]

    def fault(self) -> str | None:
        return super().fault() if self.low > 0 else f"low is {self.low:g}; a log range begins above 0"


class Int(Range):
    """A whole number of a range."""

    type: Literal["int"]
    low: StrictInt
    high: StrictInt


class Choice(Dimension):
    """One of some values."""

    type: Literal["choice"]
    values: list[StrictInt | Finite] = Field(min_length=1, max_length=MAX_CHOICES)

    def ends(self) -> list[tuple[str, Any]]:
        return [("values", value) for value in self.values]

    def fault(self) -> str | None:
        return None if len(set(self.values)) == len(self.values) else "values names one of them twice"

    def has(self, value: Any) -> bool:
        return value in self.values


AnyDimension = Annotated[Float | Log | Int | Choice, Field(discriminator="type")]
Space = dict[str, AnyDimension]
READ = TypeAdapter(Space)


class BoosterParams(BaseModel):
    """XGBoost's parameters that can be tuned; they go into ``params`` of a training configuration."""

    model_config = ConfigDict(extra="forbid")

    min_child_weight: float = Field(
        1, ge=0, title="Min child weight", description="Least weight of the rows in a leaf; higher ignores odd rows."
    )
    gamma: float = Field(
        0, ge=0, title="Gamma", description="Least gain that a split must bring; higher splits less often."
    )
    reg_lambda: float = Field(
        1, ge=0, title="L2 regularisation (lambda)", description="Higher makes each leaf change the answer less."
    )
    reg_alpha: float = Field(0, ge=0, title="L1 regularisation (alpha)", description="Higher sets more leaves to zero.")
    subsample: float = Field(
        1, gt=0, le=1, title="Subsample", description="Share of the rows that each tree sees; fewer reduce overfitting."
    )
    colsample_bytree: float = Field(
        1, gt=0, le=1, title="Column sample by tree", description="Share of the columns that each tree sees."
    )
    max_delta_step: float = Field(0, ge=0, title="Max delta step", description="Largest step of a leaf; 0 is no limit.")
    scale_pos_weight: float = Field(
        1, gt=0, title="Weight of the positive class", description="1 weighs both classes alike."
    )
    max_bin: int = Field(256, ge=2, le=65_536, title="Max bins", description="Into how many steps each column is cut.")


@dataclass(frozen=True)
class Tunable:
    """Which parameters of a training schema can be tuned: some of its own fields, and some of ``params``."""

    schema: type[BaseModel]
    fields: tuple[str, ...]
    params: type[BaseModel] | None = None

    @property
    def names(self) -> list[str]:
        """Every parameter."""
        return [*self.fields, *(self.params.model_fields if self.params else ())]

    def defaults(self, base: BaseModel) -> dict[str, Any]:
        """The value of each parameter in a training configuration."""
        own = {name: getattr(base, name) for name in self.fields}
        if self.params is None:
            return own
        return own | self.params.model_validate(base.params).model_dump()  # type: ignore[attr-defined]

    def training_config(self, base: BaseModel, drawn: dict[str, Any]) -> Any:
        """The training configuration ``base`` with the drawn values put in. Raises ConfigError when it cannot be."""
        own = {name: value for name, value in drawn.items() if name in self.fields}
        params = {name: value for name, value in drawn.items() if name not in self.fields}
        changed = base.model_dump() | own
        if params:
            changed["params"] = changed["params"] | params
        try:
            return self.schema.model_validate(changed)
        except ValidationError as error:
            raise ConfigError(sentences.first_of(error)) from None

    def widest(self) -> dict[str, dict[str, Any]]:
        """For each parameter its type, bounds (None if there is none), title and description."""
        return {name: _widest(self.schema if name in self.fields else self.params, name) for name in self.names}

    def check(self, space: Space) -> None:
        """Raise SpaceError for the first parameter whose range or choice is not possible."""
        if not space:
            raise SpaceError(f"it is empty; name at least one of {', '.join(self.names)}")
        for name, dimension in space.items():
            if name not in self.names:
                raise SpaceError(f"there is no parameter {name[:80]!r} to tune; there are {', '.join(self.names)}")
            if fault := dimension.fault():
                raise SpaceError(fault, name)
            owner = self.schema if name in self.fields else self.params
            if dimension.type in ("float", "log") and _widest(owner, name)["type"] == "int":
                raise SpaceError("it takes whole numbers; use the type 'int' or 'choice'", name)
            for field, value in dimension.ends():
                _check_value(owner, name, field, value)


def _widest(owner: type[BaseModel], name: str) -> dict[str, Any]:
    whole = owner.model_json_schema()["properties"][name]
    described = {key: whole.get(key, "") for key in ("title", "description")}
    number = whole.get("anyOf", [whole])[0]  # a parameter that may be None has several
    ends = {
        "low": number.get("minimum", number.get("exclusiveMinimum")),
        "high": number.get("maximum", number.get("exclusiveMaximum")),
    }
    return {"type": "int" if number["type"] == "integer" else "float", **ends, **described}


def _check_value(owner: type[BaseModel], name: str, field: str, value: Any) -> None:
    try:
        owner.model_validate({name: value})
    except ValidationError as error:
        raise SpaceError(f"{sentences.said_of(error.errors()[0])}, got {value!r}", name, field) from error


def read(given: Any) -> Space:
    """A space from decoded JSON. Raises SpaceError."""
    try:
        return READ.validate_python(given)
    except ValidationError as error:
        first = error.errors()[0]
        raise SpaceError(_problem(first), *(str(part) for part in first["loc"] if part not in TYPES)) from error


def _problem(first: Any) -> str:
    match first["type"]:
        case "union_tag_not_found":
            return "it has no type; the types are float, log, int and choice"
        case "union_tag_invalid":
            return f"{first['ctx']['tag'][:80]!r} is not a type; the types are float, log, int and choice"
        case "dict_type":
            return "it is not an object with a parameter's name for each key"
        case "model_attributes_type":
            return 'it is not an object such as {"type": "int", "low": 1, "high": 8}'
        case "int_type" if "values" in first["loc"]:
            # Of the two kinds of number that a choice takes, pydantic names the first.
            return f"must be a number{sentences.got(first)}"
        case _:
            return sentences.said_of(first) + sentences.got(first)


def distributions(space: Space) -> dict[str, Any]:
    """The space in Optuna's form."""
    return {name: _distribution(dimension) for name, dimension in space.items()}


def _distribution(dimension: Dimension) -> Any:
    from optuna.distributions import CategoricalDistribution, FloatDistribution, IntDistribution

    if isinstance(dimension, Choice):
        return CategoricalDistribution(dimension.values)
    if isinstance(dimension, Int):
        return IntDistribution(dimension.low, dimension.high)
    return FloatDistribution(dimension.low, dimension.high, log=isinstance(dimension, Log))
