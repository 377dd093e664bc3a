"""What series tasks read of the user's files, and how it is split by time."""

import itertools
from dataclasses import replace
from typing import Any, Literal

from pydantic import Field, field_validator, model_validator

from tidegate.models.core.settings import FileSettings, listed
from tidegate.tables.formats import FileFormat
from tidegate.tables.time_forms import FORMS, INTEGER
from tidegate.tables.time_grid import Step, known_zone, parse_step, parse_timestamp

DEFAULT_ID_COLUMN = "unique_id"
# The input of a request that says where there is a value.
MASK = "mask"
# What each example holds beside the covariates; see SeriesExampleGen.
OWN_FEATURES = (
    "unique_id", "start", "step_seconds", "step_months", "step_index", "step_business", "y",
    "first_target",
)  # fmt: skip
_COLUMN_LISTS = ("static", "static_numbers", "historic", "future", "target_columns")
_CUTOFFS = ("valid_from", "eval_from", "test_from")


class SeriesSettings(FileSettings):
    """What is read, and how it is split by time; a task adds the columns that it knows more of."""

    id_column: str | None = Field(
        DEFAULT_ID_COLUMN,
        description="column that names the series; a file without this column is one series",
    )
    time_column: str = Field("ds", description="column of the time stamps, or of integers")
    target_column: str = Field("y", description="column of the values")
    static: list[str] = Field(
        default_factory=list, description="columns of names that hold for a whole series: a,b"
    )
    frequency: str | None = Field(
        None, description="pandas offset alias (h, 15min, D, B, W, MS ...) or an integer step; "
        "inferred where not given"
    )  # fmt: skip
    time_format: str | None = Field(
        None,
        description="format of the time stamps where it is not ISO 8601: %d/%m/%Y, epoch_s, "
        "epoch_ms, epoch_us, epoch_ns, excel (serials of days), yearmonth (202012) or isoweek "
        "(202053); integer for plain numbers that look like one of these",
    )
    timezone: str | None = Field(
        None,
        description="whose clock shows the times, such as Europe/Berlin: times without an offset "
        "are read so, hours and days are those of that clock, and answers, too; UTC if not given",
    )
    duplicates: Literal["error", "sum", "mean", "last"] = Field(
        "error",
        description="rows of one series and time: an error, or one row with the target's sum (and "
        "the covariates' mean), the mean, or the last row",
    )
    fill: Literal["none", "zero"] = Field(
        "none",
        description="what a step without a row has between a series' first and last value: none, "
        "or zero where rows are events",
    )
    valid_size: float = Field(
        0.1, ge=0, description="steps kept for early stopping; below 1, a share of each series"
    )
    eval_size: float = Field(
        0.1, ge=0, description="steps kept for the gates; below 1, a share of each series"
    )
    test_size: float = Field(
        0.1,
        ge=0,
        description="steps reported apart; below 1, a share of each series; not used with "
        "eval_from or --test",
    )
    valid_from: str | None = Field(
        None, description="time of the first step for early stopping, instead of valid_size"
    )
    eval_from: str | None = Field(
        None, description="time of the first step for the gates, instead of eval_size"
    )
    test_from: str | None = Field(
        None, description="time of the first step that is reported apart, instead of test_size"
    )
    max_bad_share: float = Field(
        0.0, ge=0, lt=1, description="share of rows that may be unusable before the run stops"
    )

    @field_validator(*_COLUMN_LISTS, mode="before", check_fields=False)
    @classmethod
    def _columns(cls, value: Any) -> Any:
        return listed(value)

    @field_validator("frequency", *_CUTOFFS, mode="before")
    @classmethod
    def _as_text(cls, value: Any) -> Any:
        return value if value is None else str(value)

    @field_validator("frequency")
    @classmethod
    def _known_frequency(cls, value: str | None) -> str | None:
        if value is not None:
            parse_step(value)
        return value

    @field_validator("time_format")
    @classmethod
    def _known_format(cls, value: str | None) -> str | None:
        if value is not None and "%" not in value and value not in (*FORMS, INTEGER):
            raise ValueError(
                f"{value!r}: expected a format such as %d/%m/%Y, or {', '.join(FORMS)} or {INTEGER}"
            )
        return value

    @field_validator("timezone")
    @classmethod
    def _known_timezone(cls, value: str | None) -> str | None:
        if value is not None:
            known_zone(value)
        return value

    @field_validator(*_CUTOFFS)
    @classmethod
    def _known_time(cls, value: str | None) -> str | None:
        if value is not None and not _is_integer(value):
            parse_timestamp(value)
        return value

    @field_validator("valid_size", "eval_size", "test_size")
    @classmethod
    def _steps_or_share(cls, value: float) -> float:
        if value > 1 and not value.is_integer():
            raise ValueError(f"{value}: expected whole steps, or a share below 1")
        return value

    @property
    def covariates(self) -> tuple[str, ...]:
        """The columns that are read beside name, time and value."""
        return tuple(self.static)

    @model_validator(mode="after")
    def _one_role_a_column(self) -> "SeriesSettings":
        covariates = self.covariates
        roles = [self.time_column, self.target_column, *covariates]
        if self.id_column is not None:
            roles.append(self.id_column)
        twice = sorted({name for name in roles if roles.count(name) > 1})
        if twice:
            raise ValueError(f"column {twice[0]!r} is named twice; expected one role a column")
        taken = sorted(set(covariates) & {*OWN_FEATURES, MASK})
        if taken:
            raise ValueError(
                f"a covariate may not be called {taken[0]!r}, as the examples or the model's "
                "requests have something of that name; rename the column"
            )
        return self

    @model_validator(mode="after")
    def _needed_splits(self) -> "SeriesSettings":
        for split in ("valid", "eval"):
            if not getattr(self, f"{split}_size") and getattr(self, f"{split}_from") is None:
                raise ValueError(
                    f"{split}_size=0 leaves the split {split!r} empty, and training needs it; "
                    f"expected steps, or a share of each series, or {split}_from"
                )
        return self

    @model_validator(mode="after")
    def _splits_in_order(self) -> "SeriesSettings":
        shares = [
            (key, size)
            for key, size in (
                ("valid_size", self.valid_size),
                ("eval_size", self.eval_size),
                ("test_size", self.test_size),
            )
            if size < 1
        ]
        if sum(size for _, size in shares) >= 1:
            raise ValueError(
                f"{' + '.join(key for key, _ in shares)} leave nothing to train on; "
                "expected shares that add up to less than 1"
            )
        given = [(key, getattr(self, key)) for key in _CUTOFFS if getattr(self, key) is not None]
        for (first, before), (second, after) in itertools.pairwise(given):
            try:
                in_order = _in_order(before, after)
            except ValueError:
                raise ValueError(
                    f"{first}={before} and {second}={after}: expected two times or two integers"
                ) from None
            if not in_order:
                raise ValueError(f"{first}={before} is not before {second}={after}")
        return self

    @property
    def step(self) -> Step | None:
        """The given frequency; None where it is inferred."""
        return None if self.frequency is None else parse_step(self.frequency)

    @property
    def has_test(self) -> bool:
        """Whether a test split is cut from the training data."""
        return self.test_from is not None or (self.eval_from is None and self.test_size > 0)

    @property
    def how(self) -> FileFormat:
        """How files are read."""
        return replace(super().how, time_format=self.time_format, timezone=self.timezone)

    def columns(self, test: bool = False) -> tuple[str, ...]:
        """The columns that a data file must have; those of a test file are the same.

        A file without a column of the default name `unique_id` is one series.
        """
        del test
        named = [] if self.id_column in (None, DEFAULT_ID_COLUMN) else [str(self.id_column)]
        return (*named, self.time_column, self.target_column, *self.covariates)


def _is_integer(text: str) -> bool:
    return text.strip().removeprefix("-").isdecimal()


def _in_order(before: str, after: str) -> bool:
    # 2020 is a year or a number: years and numbers order alike.
    if _is_integer(before) and _is_integer(after):
        return int(before) < int(after)
    return parse_timestamp(before)[0] < parse_timestamp(after)[0]
