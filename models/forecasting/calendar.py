"""Time on a regular grid as features: hour, weekday, day of the month, time of year."""

import math

import tensorflow as tf

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
# A season is at most so many hours, days, weeks or years: with 7, the step of 7 hours has one.
_MOST_SPANS = 7


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
      times: int64[n]: seconds since 1970 where `seconds` > 0, months since 1970-01 where
        `months` > 0, without a calendar else.
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


def season_length(seconds: tf.Tensor, months: tf.Tensor, index: tf.Tensor) -> tf.Tensor:
    """The steps of the season that is usual for a frequency.

    Below a minute the steps of an hour; below a day those of a day (hourly 24, 15 minutes 96);
    below a week those of a week (daily 7); weekly and longer those of a year (weekly 52, monthly
    12, quarterly 4, yearly 1); integer time has none. Where that is no whole number of steps, the
    fewest hours, days, weeks or years up to seven that are: 7 steps, two weeks, of 2 days; 24
    steps, a week, of 7 hours. Where none are, there is no season: 1. A year is no whole number of
    days: one that ends within a quarter of a step will do.

    Args:
      seconds, months, index: int64[], of a step; one of them is above 0.

    Returns:
      int64[], at least 1.
    """
    del index
    seconds, months = tf.cast(seconds, tf.int64), tf.cast(months, tf.int64)
    length = tf.where(seconds > 0, seconds, tf.maximum(months, 1))
    by_year = seconds >= _WEEK
    span = tf.where(seconds < DAY, tf.constant(DAY, tf.int64), tf.constant(_WEEK, tf.int64))
    span = tf.where(seconds < 60, tf.constant(3600, tf.int64), span)
    span = tf.where(by_year, tf.constant(int(_YEAR * DAY), tf.int64), span)
    span = tf.where(seconds > 0, span, tf.constant(12, tf.int64))
    spans = span * tf.range(1, _MOST_SPANS + 1, dtype=tf.int64)
    steps = (2 * spans + length) // (2 * length)
    rest = tf.abs(steps * length - spans)
    whole = (steps > 0) & (4 * rest <= tf.where(by_year, length, tf.zeros_like(length)))
    fewest = tf.reduce_min(tf.where(whole, steps, tf.int64.max))
    there = ((seconds > 0) | (months > 0)) & tf.reduce_any(whole)
    return tf.where(there, fewest, tf.ones_like(fewest))
