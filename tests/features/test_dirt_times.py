"""Dirty times: zones, leap days, orders told in pieces, the far past and future."""

from datetime import UTC, datetime, timedelta

import pytest

from contract.norms import Norms
from contract.tables import Layout

AS_OF = datetime(2026, 1, 1, tzinfo=UTC)
SEEN = datetime(2025, 12, 1, tzinfo=UTC)
NORMS = Norms(as_of=AS_OF)


def line(order, at, amount=10.0, customer="c", **more):
    return {"customer_id": customer, "order_id": order, "ordered_at": at, "amount": amount, **more}


def ago(days):
    return AS_OF - timedelta(days=days)


@pytest.mark.parametrize("zone", ["UTC", "Europe/Berlin", "America/St_Johns"])
def test_the_same_instants_told_with_other_offsets_give_the_same_features(rows_of, zone):
    spelled = [
        ("2025-07-01T08:30:00Z", "2025-12-09T23:30:00Z"),
        ("2025-07-01T10:30:00+02:00", "2025-12-10T05:00+05:30"),
        ("2025-07-01 04:30:00-0400", "2025-12-09 18:30:00.000-05"),
        tuple(datetime.fromisoformat(t) for t in ("2025-07-01T08:30Z", "2025-12-09T23:30Z")),
    ]
    layout = Layout(timezone=zone)
    rows = [
        rows_of(
            layout=layout,
            norms=NORMS,
            transactions=[line("A", july), line("B", december), line("R", december, -1.0)],
            interactions=[{"customer_id": "c", "kind": "visit", "occurred_at": december}],
            customers=[{"customer_id": "c", "since": july, "valid_from": july, "country": "GB"}],
        )
        for july, december in spelled
    ]
    assert rows[0] == rows[1] == rows[2] == rows[3]
    assert rows[0]["c"]["orders_ever"] == 2


def test_times_without_an_offset_are_told_by_the_layouts_clock(rows_of):
    def tell(zone, *ats):
        lines = [line(str(n), at) for n, at in enumerate(ats)]
        return rows_of(transactions=lines, layout=Layout(timezone=zone), norms=NORMS)

    naive = [datetime(2025, 7, 1, 10), datetime(2025, 12, 9, 1)]
    in_berlin = ["2025-07-01T10:00+02:00", "2025-12-09T01:00+01:00"]
    assert tell("Europe/Berlin", *naive) == tell("Europe/Berlin", *in_berlin)
    assert tell("Europe/Berlin", *naive) != tell("UTC", *naive)
    ages = [tell(zone, *naive)["c"]["days_since_order"] for zone in ("UTC", "Europe/Berlin")]
    assert ages == [22 + 23 / 24, 23]


@pytest.mark.parametrize(
    ("as_of", "day_365"),
    [
        (datetime(2024, 3, 1, tzinfo=UTC), datetime(2023, 3, 2, tzinfo=UTC)),
        (datetime(2024, 2, 29, tzinfo=UTC), datetime(2023, 3, 1, tzinfo=UTC)),
        (datetime(2025, 2, 28, tzinfo=UTC), datetime(2024, 2, 29, tzinfo=UTC)),
        (datetime(2025, 3, 1, tzinfo=UTC), datetime(2024, 3, 1, tzinfo=UTC)),
    ],
    ids=str,
)
def test_a_year_is_365_days_whatever_the_calendar_says(rows_of, as_of, day_365):
    names = ("orders_365d", "orders_a_year_ago_30d", "orders_a_year_ago_90d")

    def tell(at):
        told = rows_of(as_of, transactions=[line("A", at)])["c"]
        assert told["days_since_order"] == (as_of - at) / timedelta(days=1)
        return [told[name] for name in names]

    assert tell(day_365) == [1, 1, 1]
    assert tell(day_365 - timedelta(microseconds=1)) == [0, 0, 0]
    assert tell(day_365 + timedelta(days=30)) == [1, 0, 1]


def test_a_leap_day_is_a_day_like_any_other(rows_of):
    ats = [datetime(2024, 2, day, 12, tzinfo=UTC) for day in (28, 29)]
    lines = [line(str(at), at) for at in [*ats, datetime(2024, 3, 1, 12, tzinfo=UTC)]]
    told = rows_of(datetime(2024, 3, 2, 12, tzinfo=UTC), transactions=lines)["c"]
    assert (told["mean_gap"], told["longest_gap"], told["order_days"]) == (1, 1, 3)
    assert (told["customer_age_days"], told["orders_per_month"]) == (3, 30)
    assert told["weekday_habit"] == 1 / 3


# A: 20, 12 and 5 days ago; C began with A's second line, B lies between the second and third.
PIECES = [
    line("A", ago(20), 1.0), line("A", ago(12), 2.0), line("A", ago(5), 4.0),
    line("B", ago(10), 8.0), line("C", ago(12), 16.0),
]  # fmt: skip


@pytest.mark.parametrize(
    ("days", "orders", "spend", "last_value", "largest", "gap"),
    [
        (0, 3, 31, 8, 16, 2),
        (5, 3, 27, 8, 16, 2),
        (10, 2, 19, 16, 16, 8),
        (12, 1, 1, 1, 1, None),
    ],
)
@pytest.mark.parametrize("turned", [1, -1])
def test_an_order_in_pieces_between_others_is_one_order_from_its_first(
    rows_of, days, orders, spend, last_value, largest, gap, turned
):
    told = rows_of(ago(days), transactions=PIECES[::turned])["c"]
    names = ("orders_ever", "spend_ever", "last_order_value", "largest_order_value", "last_gap")
    assert tuple(told[name] for name in names) == (orders, spend, last_value, largest, gap)
    assert told["days_since_order"] == {1: 20, 2: 12, 3: 10}[orders] - days
    assert told["customer_age_days"] == 20 - days


def test_what_is_dated_in_the_future_changes_nothing(rows_of):
    tables = {
        "transactions": [line("A", SEEN), line("B", ago(3)), line("R", ago(1), -2.0)],
        "interactions": [{"customer_id": "c", "kind": "visit", "occurred_at": SEEN}],
        "customers": [{"customer_id": "c", "since": SEEN, "valid_from": SEEN, "country": "GB"}],
    }
    without = rows_of(**tables)
    for late in (AS_OF, datetime(2099, 1, 1, tzinfo=UTC), datetime(9999, 12, 31, tzinfo=UTC)):
        to_come = [line("A", late, 99.0), line("Z", late, 99.0), line("Y", late, -99.0)]
        acts = [{"customer_id": who, "kind": "complaint", "occurred_at": late} for who in "ce"]
        entry = {"customer_id": "c", "since": late, "valid_from": late, "country": "DE"}
        more = {"transactions": to_come, "interactions": acts, "customers": [entry]}
        assert rows_of(**{name: rows + more[name] for name, rows in tables.items()}) == without


# Two customers of one gap each, before and behind "c": any other gap would move their median.
NEIGHBOURS = [line("N", ago(20), customer="a"), line("O", ago(10), customer="a")]
NEIGHBOURS += [line("N", ago(20), customer="z"), line("O", ago(10), customer="z")]


@pytest.mark.parametrize("year", [1900, 1753, 1])
def test_an_order_of_centuries_ago_is_as_old_as_it_says_and_moves_nobody_else(rows_of, year):
    old = datetime(year, 1, 1, tzinfo=UTC)
    without = rows_of(transactions=NEIGHBOURS, norms=NORMS)
    lines = [line("A", old), line("B", ago(5)), line("C", ago(3))]
    rows = rows_of(transactions=NEIGHBOURS + lines, norms=NORMS)
    age = (AS_OF - old).days
    told = rows.pop("c")
    assert rows == without
    assert (told["customer_age_days"], told["longest_gap"], told["shortest_gap"]) == (
        age,
        age - 5,
        2,
    )
    assert told["mean_gap"] == (age - 3) / 2
    assert told["median_gap"] == (age - 5 + 2) / 2
    assert (told["orders_ever"], told["orders_365d"], told["active_months"]) == (3, 2, 1)


@pytest.mark.parametrize(
    "since", [datetime(1900, 1, 1), datetime(1970, 1, 1), datetime(1969, 1, 1)]
)
def test_a_date_of_joining_long_ago_is_a_date(rows_of, since):
    told = rows_of(transactions=[line("A", SEEN)], customers=[{"customer_id": "c", "since": since}])
    assert told["c"]["days_known"] == (AS_OF - since.replace(tzinfo=UTC)).days


def test_who_ordered_daily_for_years_and_then_left_has_left_and_is_worth_what_was_lost(rows_of):
    lines = [line(f"O{day}", ago(1500 + day)) for day in range(2000)]
    told = rows_of(transactions=lines)["c"]
    assert told["active_probability"] == pytest.approx(0, abs=1e-99)
    assert told["expected_orders_365d"] == pytest.approx(0, abs=1e-99)
    assert told["spend_at_risk"] > 0
