"""Time on a regular grid as features: hour, weekday, day of the month, time of year."""

import math

import tensorflow as tf

from tidegate.tables.zones import zone

CALENDAR = (
    "hour_sin",
    "hour_cos",
    "weekday_sin",
    "weekday_cos",
    "month_day",
    "year_sin",
    "year_cos",
)
DAY = 86_400
_WEEK = 7 * DAY
_YEAR = 365.25
# A cycle that training has not seen this often cannot be told from a trend: what the network makes
# of it there is wrong further on.
_CYCLES = 2


def civil(days: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
    """Days since 1970-01-01 to year, month and day of the Gregorian calendar.

    (Hinnant 2013, "chrono-compatible low-level date algorithms", civil_from_days.)

    Args:
      days: int64[...].

    Returns:
      year, month in 1 to 12, day in 1 to 31; int64[...] each.
    """
    shifted = days + 719_468  # Days since 0000-03-01: a leap day is the last of its year.
    era = shifted // 146_097
    day_of_era = shifted - era * 146_097
    year_of_era = (
        day_of_era - day_of_era // 1460 + day_of_era // 36_524 - day_of_era // 146_096
    ) // 365
    day_of_year = day_of_era - (365 * year_of_era + year_of_era // 4 - year_of_era // 100)
    shifted_month = (5 * day_of_year + 2) // 153
    day = day_of_year - (153 * shifted_month + 2) // 5 + 1
    month = tf.where(shifted_month < 10, shifted_month + 3, shifted_month - 9)
    year = year_of_era + era * 400 + tf.cast(month <= 2, tf.int64)
    return year, month, day


def month_of(seconds: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
    """Seconds since 1970 to months since 1970-01, and the day in them that the series keeps.

    Args:
      seconds: int64[...].

    Returns:
      int64[...] months; int64[...] days, 31 for the last day of a month, whatever its length.
    """
    days = seconds // DAY
    year, month, day = civil(days)
    _, next_month, _ = civil(days + 1)
    last = tf.not_equal(month, next_month)
    return 12 * (year - 1970) + month - 1, tf.where(last, tf.constant(31, tf.int64), day)


def seconds_of_month(months: tf.Tensor, day: tf.Tensor) -> tf.Tensor:
    """The reverse of `month_of`: a shorter month gives its last day.

    (Hinnant 2013, days_from_civil.)

    Args:
      months: int64[...], since 1970-01.
      day: int64[...], 1 to 31.

    Returns:
      int64[...], seconds since 1970.
    """
    first, after = _first_day(months), _first_day(months + 1)
    return (tf.minimum(first + day, after) - 1) * DAY


def business_of(seconds: tf.Tensor) -> tf.Tensor:
    """Seconds since 1970 to business days since Monday 1969-12-29; a weekend's are its Friday's.

    Args:
      seconds: int64[...].
    """
    days = seconds // DAY + 3
    return 5 * (days // 7) + tf.minimum(days % 7, 4)


def seconds_of_business(days: tf.Tensor) -> tf.Tensor:
    """The reverse of `business_of`, at midnight: int64[...] to int64[...]."""
    return (7 * (days // 5) + days % 5 - 3) * DAY


def _first_day(months: tf.Tensor) -> tf.Tensor:
    """Days from 1970-01-01 to the first of a month."""
    shifted = months + 12 * 1970 - 2  # Months since 0000-03.
    year, month = shifted // 12, shifted % 12
    day_of_year = (153 * month + 2) // 5
    return 365 * year + year // 4 - year // 100 + year // 400 + day_of_year - 719_468


def calendar(times: tf.Tensor, seconds: tf.Tensor, months: tf.Tensor, span: tf.Tensor) -> tf.Tensor:
    """Calendar features of points in time; zero where the frequency makes one constant.

    Zero, too, where the span is less than two of its cycles.

    Args:
      times: int64[n]: seconds since 1970 of the clock on the wall where `seconds` > 0, months since
        1970-01 where `months` > 0, without a calendar else.
      seconds: int64[], seconds of a step, or 0.
      months: int64[], months of a step, or 0.
      span: int64[], seconds from the beginning of train's first step to the end of its last.

    Returns:
      float32[n, 7], as `CALENDAR` names them: sine and cosine of the time of day, of the week
      (from Monday) and of the year, and the day of the month from -0.5 to 0.5.
    """
    days = times // DAY
    year, _, day = civil(days)
    january = _days_of_january(year)
    hour = tf.cast(times % DAY, tf.float32) / DAY
    # 1970-01-01 was a Thursday.
    weekday = tf.cast((times + 3 * DAY) % _WEEK, tf.float32) / _WEEK
    of_year = (tf.cast(days - january, tf.float32) + hour) / _YEAR
    of_month = (tf.cast(day, tf.float32) - 1) / 30 - 0.5
    by_seconds = seconds > 0
    # A step of whole days never changes the hour, one of whole weeks never the weekday.
    has_hour = by_seconds & tf.not_equal(seconds % DAY, 0) & _seen(span, 1)
    has_weekday = by_seconds & tf.not_equal(seconds % _WEEK, 0) & _seen(span, 7)
    has_month_day = by_seconds & (seconds < 28 * DAY) & _seen(span, 30)
    has_year = (by_seconds & (seconds < 360 * DAY)) | ((months > 0) & tf.not_equal(months % 12, 0))
    has_year &= _seen(span, 365)
    year_part = tf.where(months > 0, tf.cast(times % 12, tf.float32) / 12, of_year)
    found = [
        *_circle(hour, has_hour),
        *_circle(weekday, has_weekday),
        tf.where(has_month_day, of_month, tf.zeros_like(of_month)),
        *_circle(year_part, has_year),
    ]
    return tf.stack(found, axis=-1)


def on_wall(utc: tf.Tensor, name: str) -> tf.Tensor:
    """The clock of a time zone, whose changes from 1900 to 2100 become a table in the graph.

    Args:
      utc: int64[...], seconds since 1970-01-01 UTC.
      name: of the zone.

    Returns:
      int64[...], seconds since 1970-01-01 on that clock.
    """
    known = zone(name)
    behind = tf.searchsorted(tf.constant(known.changes), tf.reshape(utc, [-1]), side="right")
    ahead = tf.gather(tf.constant(known.offsets), behind)
    return utc + tf.reshape(ahead, tf.shape(utc))


def _seen(span: tf.Tensor, days: int) -> tf.Tensor:
    return span >= _CYCLES * days * DAY


def _days_of_january(year: tf.Tensor) -> tf.Tensor:
    """int64[...] years to the days from 1970-01-01 to their first of January."""
    before = year - 1
    return 365 * (year - 1970) + (before // 4 - before // 100 + before // 400) - 477


def _circle(share: tf.Tensor, there: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
    angle = 2 * math.pi * share
    zero = tf.zeros_like(share)
    return tf.where(there, tf.sin(angle), zero), tf.where(there, tf.cos(angle), zero)
