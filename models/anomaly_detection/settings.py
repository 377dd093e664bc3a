"""The settings of anomaly detection, each stated once."""

from typing import Annotated, Literal

from pydantic import Field, model_validator

from tidegate.models.core.settings import Choice, Memory, Range, Settings
from tidegate.models.series.data_settings import SeriesSettings

# The quantiles of the forecast: the median, and the ends of the 80 and 98 % intervals.
LEVELS = (0.01, 0.1, 0.5, 0.9, 0.99)

# What no order of rows has.
_OF_TIMES = ("frequency", "time_format", "timezone")


class DataSettings(SeriesSettings):
    """What is read, and how it is split by time."""

    target_columns: list[str] = Field(
        default_factory=list,
        description="columns of several values a step, in place of data.target_column: a,b",
    )
    order: Literal["time", "file"] = Field(
        "time",
        description="time, or file: rows count as steps in the file's order, whatever their times, "
        "which may repeat or step back",
    )
    label_column: str | None = Field(
        None,
        description="column of 0 and 1: where there is an anomaly; it judges and trains nothing",
    )

    @model_validator(mode="after")
    def _without_times(self) -> "DataSettings":
        given = [name for name in _OF_TIMES if getattr(self, name) is not None]
        if self.order == "file" and given:
            raise ValueError(
                f"{given[0]} is of times, which data.order=file does not read; leave it out"
            )
        return self

    @property
    def targets(self) -> tuple[str, ...]:
        """The columns of values, at least one."""
        return tuple(self.target_columns) or (self.target_column,)

    @property
    def covariates(self) -> tuple[str, ...]:
        """The columns that are read beside name, time and the first value."""
        label = () if self.label_column is None else (self.label_column,)
        return (*self.static, *self.targets[1:], *label)

    @model_validator(mode="before")
    @classmethod
    def _first_of_several(cls, values: dict[str, object]) -> dict[str, object]:
        several = values.get("target_columns")
        if isinstance(several, str):
            several = [name.strip() for name in several.split(",") if name.strip()]
        if isinstance(several, list) and several:
            return {**values, "target_column": several[0], "target_columns": several}
        return values


class FeatureSettings(Settings):
    """What a score is made of, and what alarms are promised; fixed before Transform."""

    context: Annotated[int, Memory()] = Field(
        56,
        ge=4,
        description="steps that a forecast looks back on; with features.recent the last points "
        "that a score depends on",
    )
    recent: int = Field(
        8, ge=2, description="steps whose errors a score is made of: the last one, and their mean"
    )
    window: int = Field(
        1000,
        ge=20,
        description="steps of the running distribution of errors, where a state is sent",
    )
    false_alarms: float = Field(
        1.0, gt=0, le=500, description="false alarms that are accepted in 1,000 points"
    )
    distance: int = Field(24, ge=1, description="least steps between two alarms of a series")
    hysteresis: float = Field(
        0.6,
        gt=0,
        le=1,
        description="an alarm ends below this share of the threshold of the score",
    )
    calendar: bool = Field(
        True,
        description="give the network hour, weekday, day of the month and time of year, each where "
        "train has two of its cycles",
    )
    judged_steps: int = Field(
        2000, ge=1, description="most steps of a series that are judged, the last ones of a split"
    )

    @property
    def reach(self) -> int:
        """The points that a score depends on."""
        return self.context + self.recent

    @property
    def rate(self) -> float:
        """False alarms a point."""
        return self.false_alarms / 1000


class ModelSettings(Settings):
    """The network; the Tuner searches over the ranges."""

    normalisation: Annotated[Literal["mean", "last", "robust"], Choice(("mean", "robust"))] = Field(
        "mean",
        description="what a window is normalised by: the mean and standard deviation of its "
        "context, its last value, or its median and quartiles",
    )
    cell: Annotated[Literal["lstm", "gru"], Choice(("lstm", "gru"))] = Field(
        "lstm", description="recurrent cell"
    )
    units: Annotated[int, Range(16, 128, step=16)] = Field(
        32, ge=1, description="units of a recurrent layer"
    )
    layers: Annotated[int, Range(1, 3, step=1)] = Field(
        1, ge=1, le=8, description="recurrent layers"
    )
    dropout: Annotated[float, Range(0.0, 0.5, step=0.1)] = Field(
        0.0, ge=0, lt=1, description="dropout before the output"
    )


class GateSettings(Settings):
    """What a model must reach to be pushed."""

    false_alarms: float = Field(
        3.0,
        gt=0,
        description="false alarms on eval may be this many times the promised ones, beyond what "
        "chance explains; where nothing is labelled, every alarm counts as false",
    )
    margin: float = Field(
        0.0,
        description="where there are labels: the F1 of events must be this much above that of the "
        "windowed Gaussian",
    )
    max_loss: float = Field(
        0.05, ge=0, description="the F1 of events may be this much below the last blessed model's"
    )
