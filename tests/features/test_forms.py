"""How ids, numbers and times are written, and that both engines read them alike."""

from datetime import UTC, date, datetime

import pandas as pd
import polars as pl
import pytest

from contract.moments import as_micros
from contract.tables import Layout, Tables
from features.engines import open_tables, read_tables

# How pyarrow reads pandas: no matter of ours.
NO_WARNING = pytest.mark.filterwarnings("ignore:Series.values returning an ndarray that drops")

LINE = {"customer_id": "c", "order_id": "A", "ordered_at": "2026-01-01", "amount": "1"}


def read(column, values, engine, timezone="UTC"):
    """What a transactions column with these values holds once it is typed."""
    rest = {name: [value] * len(values) for name, value in LINE.items()}
    frame = pl.DataFrame(rest | {column: values}, strict=False)
    return read_frame(frame, column, engine, timezone)


def read_frame(frame, column, engine, timezone="UTC"):
    typed = f"{column}_us" if column == "ordered_at" else column
    tables = Tables({"transactions": frame}, Layout(timezone=timezone))
    made = read_tables(tables, engine)["transactions"]
    return made.collect("polars").to_native()[typed].to_list()


def at(*parts):
    return as_micros(datetime(*parts, tzinfo=UTC))


@pytest.mark.parametrize(
    ("values", "ids"),
    [
        ([13085, 7], ["13085", "7"]),
        ([13085.0, None, float("nan")], ["13085", None, None]),
        ([13085.5], [None]),
        (["007", "7", " 7"], ["007", "7", " 7"]),
        (["13085.0", ""], ["13085.0", None]),
    ],
)
def test_ids_become_text(engine, values, ids):
    assert read("customer_id", values, engine) == ids


def test_an_id_that_pandas_made_a_float_is_whole_again(engine):
    frame = pd.DataFrame([LINE, LINE]).assign(customer_id=pd.Series([13085, None]))
    assert frame["customer_id"].dtype == float
    assert read_frame(frame, "customer_id", engine) == ["13085", None]


@pytest.mark.parametrize(
    ("text", "number"),
    [("1.5", 1.5), ("-2", -2.0), ("1e3", 1000.0), (" 1.5 ", 1.5), (".5", 0.5), ("1,5", None),
     ("1_000", None), ("0x10", None), ("inf", None), ("NaN", None), ("€1", None), ("", None)],
)  # fmt: skip
def test_numbers_in_text_are_read_or_null(engine, text, number):
    assert read("amount", [text], engine) == [number]


def test_numbers_that_are_no_amount_are_null(engine):
    assert read("amount", [float("nan"), float("inf"), 2.0], engine) == [None, None, 2]
    assert read("amount", [datetime(2026, 1, 1)], engine) == [None]


@pytest.mark.parametrize(
    ("text", "hour"),
    [
        ("2026-07-01T10:00:00+02:00", 8),
        ("2026-07-01 10:00:00+02", 8),
        ("2026-07-01T10:00+0200", 8),
        ("2026-07-01T10:00:00Z", 10),
        ("2026-07-01T10:00Z", 10),
        ("2026-07-01T10:00:00", 9),
        ("2026-07-01 10:00", 9),
    ],
)
def test_text_times_are_read_in_their_zone_or_the_layouts(engine, text, hour):
    assert read("ordered_at", [text], engine, "Europe/London") == [at(2026, 7, 1, hour)]


def test_a_date_is_its_midnight_in_the_layouts_zone(engine):
    midnight = [at(2026, 6, 30, 23)]
    assert read("ordered_at", ["2026-07-01"], engine, "Europe/London") == midnight
    assert read("ordered_at", [date(2026, 7, 1)], engine, "Europe/London") == midnight
    assert read("ordered_at", ["2026-07-01"], engine) == [at(2026, 7, 1)]


def test_parts_of_a_second_count_to_the_microsecond(engine):
    texts = ["2026-01-01T00:00:00.000001Z", "2026-01-01T00:00:00.5", "2026-01-01 00:00:00.0000019"]
    beyond = [micros - at(2026, 1, 1) for micros in read("ordered_at", texts, engine)]
    assert beyond == [1, 500_000, 1]


@pytest.mark.parametrize("in_text", [True, False], ids=["text", "datetime"])
@pytest.mark.parametrize(
    ("naive", "utc"),
    [
        (datetime(2026, 7, 1, 10), at(2026, 7, 1, 9)),
        (datetime(2026, 10, 25, 0, 59), at(2026, 10, 24, 23, 59)),
        (datetime(2026, 10, 25, 1, 30), at(2026, 10, 25, 0, 30)),
        (datetime(2026, 10, 25, 2), at(2026, 10, 25, 2)),
        (datetime(2026, 3, 29, 0, 59), at(2026, 3, 29, 0, 59)),
        (datetime(2026, 3, 29, 1, 30), at(2026, 3, 29, 1, 30)),
        (datetime(2026, 3, 29, 2), at(2026, 3, 29, 1)),
    ],
)
def test_the_hour_told_twice_is_its_first_and_a_skipped_one_goes_on(engine, naive, utc, in_text):
    value = naive.isoformat() if in_text else naive
    assert read("ordered_at", [value], engine, "Europe/London") == [utc]


def test_half_an_hour_skipped_is_told_alike(engine):
    skipped = read("ordered_at", ["2026-10-04T02:15:00"], engine, "Australia/Lord_Howe")
    assert skipped == [at(2026, 10, 3, 15, 45)]


@NO_WARNING
@pytest.mark.parametrize("unit", ["s", "ns"])
def test_pandas_times_keep_their_zone(engine, unit):
    naive = pd.Series(pd.to_datetime(["2026-07-01 10:00", None])).astype(f"datetime64[{unit}]")
    for times, hour in ((naive, 9), (naive.dt.tz_localize("Europe/Berlin"), 8)):
        frame = pd.DataFrame([LINE, LINE]).assign(ordered_at=times)
        read_as = read_frame(frame, "ordered_at", engine, "Europe/London")
        assert read_as == [at(2026, 7, 1, hour), None]


@pytest.mark.parametrize(
    "text",
    ["01/02/2026", "2026-02-30", "2026-1-1", "2026-01-01 24:00:00", "2026-01-01 23:59:60",
     " 2026-01-01", "20260101", "2026-01-01T10:00:00z", "soon", ""],
)  # fmt: skip
def test_an_unreadable_time_is_null_and_its_row_left_out(engine, text):
    assert read("ordered_at", [text], engine) == [None]
    frame = pl.DataFrame([LINE, LINE | {"ordered_at": text}])
    left = open_tables(Tables({"transactions": frame}), engine).transactions.collect("polars")
    assert len(left) == 1


@NO_WARNING
def test_parts_of_a_microsecond_are_cut_off(engine):
    half_before = pd.Series(pd.to_datetime(["2026-01-01 00:00:00.0000019"]))
    for times in (half_before, half_before.dt.tz_localize("UTC")):
        frame = pd.DataFrame([LINE]).assign(ordered_at=times)
        assert read_frame(frame, "ordered_at", engine) == [at(2026, 1, 1) + 1]


def test_a_number_is_no_time(engine):
    assert read("ordered_at", [1_767_225_600], engine) == [None]
