"""The settings of forecasting, each stated once; what is read is in `data_settings`."""

from typing import Annotated, Literal

from pydantic import Field, model_validator

from tidegate.models.core.settings import Choice, Memory, Range, Settings
from tidegate.models.forecasting.data_settings import DataSettings

__all__ = ["LEVELS", "DataSettings", "FeatureSettings", "GateSettings", "ModelSettings"]

# The quantiles of every forecast: the median and the ends of the 50, 80 and 95 % intervals.
LEVELS = (0.025, 0.1, 0.25, 0.5, 0.75, 0.9, 0.975)


class FeatureSettings(Settings):
    """The windows that are cut from a series; fixed before Transform."""

    horizon: int = Field(12, ge=1, description="steps to forecast")
    context: Annotated[int, Memory()] = Field(
        72,
        ge=1,
        description="most steps of history that the network reads; the smoothing reads more",
    )
    min_context: int | None = Field(
        None,
        ge=1,
        description="fewest steps of history of a training window; a quarter of the context if "
        "not given; a series that is too short for it gives one window",
    )
    stride: int = Field(1, ge=1, description="steps between two training windows of a series")
    season: int | None = Field(
        None,
        ge=1,
        description="steps of a season, for the seasonal naive forecast and the scale of errors; "
        "from the frequency if not given (hourly 24, daily 7, weekly 52, monthly 12)",
    )
    calendar: bool = Field(
        True,
        description="give the network hour, weekday, day of the month and time of year, each where "
        "train has two of its cycles",
    )
    backtest_windows: int = Field(
        12, ge=1, description="most windows of a series that the Evaluator judges"
    )
    backtest_step: int | None = Field(
        None,
        ge=1,
        description="steps between two windows that the Evaluator judges, counted back from the "
        "series' end; spread over the whole split if not given",
    )

    @property
    def fewest(self) -> int:
        """Fewest steps of history of a training window."""
        return self.min_context or max(1, self.context // 4)

    @model_validator(mode="after")
    def _within_context(self) -> "FeatureSettings":
        if self.min_context is not None and self.min_context > self.context:
            raise ValueError(
                f"min_context={self.min_context} is more than context={self.context}; expected "
                "at most the context"
            )
        return self


class ModelSettings(Settings):
    """The network; the Tuner searches over the ranges."""

    kind: Literal["direct", "segment"] = Field(
        "direct",
        description="direct (a recurrent layer over the steps) or segment (over pieces of "
        "several steps: for long contexts)",
    )
    segment: int = Field(48, ge=1, description="steps of a segment; for model.kind=segment alone")
    normalisation: Annotated[
        Literal["mean", "last", "robust", "none"], Choice(("mean", "last", "robust"))
    ] = Field(
        "last",
        description="what a window is normalised by: its mean and standard deviation, its last "
        "value and standard deviation, its median and quartiles (robust), or nothing",
    )
    linear: bool = Field(
        False,
        description="add a linear map from the context's values to the forecast, beside the "
        "recurrent network; with model.normalisation=none the map alone sees the level",
    )
    cell: Annotated[Literal["lstm", "gru"], Choice(("lstm", "gru"))] = Field(
        "lstm", description="recurrent cell"
    )
    units: Annotated[int, Range(32, 512, step=32)] = Field(
        64, ge=1, description="units of a recurrent layer, per direction"
    )
    layers: Annotated[int, Range(1, 3, step=1)] = Field(
        1, ge=1, le=8, description="recurrent layers"
    )
    bidirectional: bool = Field(
        False, description="read the context in both directions; for model.kind=direct alone"
    )
    recurrent_input_dropout: Annotated[float, Range(0.0, 0.5, step=0.1)] = Field(
        0.0, ge=0, lt=1, description="share of each recurrent layer's input channels dropped"
    )
    dropout: Annotated[float, Range(0.0, 0.7, step=0.1)] = Field(
        0.2, ge=0, lt=1, description="dropout before the output"
    )
    series_embedding: Annotated[int, Range(0, 64, step=16)] = Field(
        16, ge=0, description="width of the embedding of a series and of its names; 0 for none"
    )
    unknown_rate: float = Field(
        0.1, ge=0, lt=1, description="share of training windows whose series is made unknown"
    )
    lower: float | None = Field(
        None, description="no forecast is below this: 0 for counts and prices"
    )
    upper: float | None = Field(None, description="no forecast is above this")
    mean_loss: Literal["squared", "absolute"] = Field(
        "absolute", description="error that the mean is trained on"
    )
    quantile_loss: float = Field(
        1.0, ge=0, description="weight of the quantiles' pinball loss beside the mean's"
    )
    calibration: Literal["pooled", "step", "none"] = Field(
        "pooled",
        description="conformal correction of the intervals on the valid split: one for all steps, "
        "one a step, or none",
    )


class GateSettings(Settings):
    """What a model must reach to be pushed."""

    relative_mase: float = Field(
        1.05,
        gt=0,
        description="MASE must be at most this many times that of the simple method that was best "
        "on valid, on top of the uncertainty of eval's windows",
    )
    relative_wql: float = Field(
        1.0,
        gt=0,
        description="quantile loss must be at most this many times that of the same method "
        "without intervals; intervals that are far too wide fail this gate",
    )
    coverage_error: float = Field(
        0.2,
        ge=0,
        le=1,
        description="the 80 and 95 % intervals may cover this much more or less than they promise; "
        "a few windows say little; lower the bound where there are many",
    )
    max_loss: float = Field(
        0.05, ge=0, description="MASE may be this much above the last blessed model's"
    )
