"""Moments in time: always UTC inside, read with care at the door."""

from datetime import UTC, datetime

from contract.errors import PatronError

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class MomentError(PatronError):
    """A moment that cannot be read."""

    code = "moment"


def as_utc(moment: datetime) -> datetime:
    """Return the same moment in UTC; one without an offset is UTC already."""
    return moment.astimezone(UTC) if moment.tzinfo else moment.replace(tzinfo=UTC)


def as_micros(moment: datetime) -> int:
    """Return a moment as whole microseconds since 1970 in UTC."""
    since = (moment if moment.tzinfo is UTC else as_utc(moment)) - EPOCH
    return (since.days * 86_400 + since.seconds) * 1_000_000 + since.microseconds


def read_moment(text: str) -> datetime:
    """Return the moment a person wrote: a date (midnight UTC) or a time, in ISO 8601."""
    try:
        return as_utc(datetime.fromisoformat(text))
    except (ValueError, OverflowError) as error:
        raise MomentError(
            f"{text!r} is no date.", "Write it as 2026-11-21 or 2026-11-21T08:00:00+01:00."
        ) from error
