"""What forecasting reads of the user's files beside a series' values: covariates."""

from pydantic import Field

from tidegate.models.series.data_settings import (
    DEFAULT_ID_COLUMN,
    MASK,
    OWN_FEATURES,
    SeriesSettings,
)

__all__ = ["DEFAULT_ID_COLUMN", "MASK", "OWN_FEATURES", "DataSettings"]


class DataSettings(SeriesSettings):
    """What is read, and how it is split by time."""

    static_numbers: list[str] = Field(
        default_factory=list, description="columns of numbers that hold for a whole series: a,b"
    )
    historic: list[str] = Field(
        default_factory=list, description="columns of numbers known up to now: a,b"
    )
    future: list[str] = Field(
        default_factory=list, description="columns of numbers known ahead: a,b"
    )

    @property
    def covariates(self) -> tuple[str, ...]:
        """The columns that are read beside name, time and value."""
        return (*self.static, *self.static_numbers, *self.historic, *self.future)
