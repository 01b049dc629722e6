"""Moments are UTC inside, whatever a person writes."""

from datetime import UTC, datetime, timedelta, timezone

import pytest

from contract.moments import EPOCH, MomentError, as_micros, as_utc, read_moment

CEST = timezone(timedelta(hours=2))


def test_a_moment_without_an_offset_is_utc():
    assert as_utc(datetime(2026, 7, 1, 10)) == datetime(2026, 7, 1, 10, tzinfo=UTC)


def test_a_moment_with_an_offset_stays_the_same_instant():
    moved = as_utc(datetime(2026, 7, 1, 10, tzinfo=CEST))
    assert moved == datetime(2026, 7, 1, 8, tzinfo=UTC)
    assert moved.tzinfo is UTC


@pytest.mark.parametrize(
    ("moment", "micros"),
    [
        (EPOCH, 0),
        (datetime(1970, 1, 2, 0, 0, 1, 5), 86_401_000_005),
        (datetime(1969, 12, 31, 23, 59, 59, 999_999), -1),
        (datetime(1970, 1, 1, 2, tzinfo=CEST), 0),
        (datetime(9999, 12, 31, 23, 59, 59, 999_999), 253_402_300_799_999_999),
    ],
)
def test_microseconds_are_counted_exactly(moment, micros):
    assert as_micros(moment) == micros


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("2026-11-21", datetime(2026, 11, 21, tzinfo=UTC)),
        ("2026-11-21T08:00:00+01:00", datetime(2026, 11, 21, 7, tzinfo=UTC)),
        ("2026-11-21T08:00:00Z", datetime(2026, 11, 21, 8, tzinfo=UTC)),
        ("2026-11-21 08:00", datetime(2026, 11, 21, 8, tzinfo=UTC)),
    ],
)
def test_a_date_or_a_time_is_read(text, moment):
    assert read_moment(text) == moment


@pytest.mark.parametrize(
    "text", ["", "today", "21.11.2026", "2026-02-30", "0001-01-01T00:00+02:00"]
)
def test_what_is_no_moment_is_refused_with_an_example(text):
    with pytest.raises(MomentError) as refused:
        read_moment(text)
    assert str(refused.value) == (
        f"{text!r} is no date. Write it as 2026-11-21 or 2026-11-21T08:00:00+01:00."
    )
