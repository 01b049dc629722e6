"""What is recorded of champions, and what is read from it."""

import re
from datetime import UTC, datetime, timedelta

import pytest

from contract.errors import RegistryError
from contract.journal import (
    KEY,
    Decision,
    Entry,
    as_json,
    find_earlier,
    read_entries,
    tell_history,
    tell_terms,
    write_entry,
    write_promotion,
)

NOON = datetime(2026, 11, 1, 12, tzinfo=UTC)
DECISION = Decision("churn", "2", "pass", ("log loss 0.02 less", "calibrated"), NOON)


def entry(version, how="promoted", hours=0, **more):
    return Entry(version, how, NOON + timedelta(hours=hours), **more)


def test_entries_come_back_as_they_were_written_in_the_order_of_time():
    entries = [
        entry("1", reason="the first; naïve, with a | and a\nline"),
        entry("2", hours=1, decision=DECISION),
        entry("1", "rolled_back", 2, reason="complaints"),
    ]
    tags = dict(write_entry(e) for e in reversed(entries))
    assert read_entries(tags | {"owner": "crm", "patron": "x"}) == entries


def test_entries_of_one_moment_have_tags_of_their_own():
    names = {write_entry(entry("1"))[0] for _ in range(1000)}
    assert len(names) == 1000
    assert all(re.fullmatch(r"patron\.journal\.20261101T120000\.000000Z\.\w{8}", n) for n in names)


def test_what_the_database_cannot_hold_is_refused_not_cut():
    key, text = write_entry(entry("1", reason="x" * 4900))
    assert read_entries({key: text})[0].reason == "x" * 4900
    with pytest.raises(RegistryError, match=r"5,\d{3} characters; MLflow keeps 5,000"):
        write_entry(entry("1", reason="x" * 5000))


def test_a_verdict_on_another_version_is_refused():
    assert read_entries(dict([write_promotion("churn", "2", ("", DECISION))]))[0].decision
    for target, version in (("churn", "3"), ("next_purchase", "2")):
        with pytest.raises(RegistryError, match="The verdict is on version 2 of churn"):
            write_promotion(target, version, ("", DECISION))


def test_a_tag_that_is_no_record_is_named():
    with pytest.raises(RegistryError, match=rf"The tag {KEY}x is no record\. Delete it"):
        read_entries({f"{KEY}x": "{}"})


@pytest.mark.parametrize(
    ("story", "earlier"),
    [
        ("", None),
        ("1", None),
        ("1 2", "1"),
        ("1 2 3", "2"),
        ("1 2 <1", None),
        ("1 2 3 <2", "1"),
        ("1 2 3 <2 <1", None),
        ("1 2 <1 3", "1"),
        ("1 2 <1 3 <1", None),
        ("2 2", None),  # two wrote of one promotion
        ("2 <1", None),  # 1 was promoted without a record
        ("2 <1 3", "1"),
    ],
)
def test_the_version_to_go_back_to(story, earlier):
    words = story.split()
    entries = [entry(w.strip("<"), "rolled_back" if "<" in w else "promoted") for w in words]
    assert find_earlier(entries) == earlier


def test_a_term_lasts_until_the_next_begins():
    entries = [entry("1"), entry("2", hours=1, decision=DECISION), entry("1", "rolled_back", 3)]
    terms = tell_terms("churn", entries, "1")
    assert [(t.version, t.since.hour, t.until and t.until.hour, t.serves) for t in terms] == [
        ("1", 12, 13, False),
        ("2", 13, 15, False),
        ("1", 15, None, True),
    ]
    assert as_json(terms)[1] == {
        "target": "churn",
        "version": "2",
        "how": "promoted",
        "since": "2026-11-01T13:00:00Z",
        "until": "2026-11-01T15:00:00Z",
        "serves": False,
        "reason": "",
        "decision": {
            "target": "churn",
            "version": "2",
            "verdict": "pass",
            "reasons": ["log loss 0.02 less", "calibrated"],
            "at": "2026-11-01T12:00:00Z",
        },
    }


def test_a_champion_that_somebody_else_set_is_told_apart():
    *_, recorded, other = tell_terms("churn", [entry("1")], "7")
    assert (recorded.version, recorded.serves) == ("1", False)
    assert (other.version, other.how, other.since, other.serves) == (
        "7",
        "set_by_others",
        None,
        True,
    )
    assert [t.serves for t in tell_terms("churn", [entry("1")], None)] == [False]


def test_the_history_as_people_read_it():
    entries = [
        entry("1", reason="the first"),
        entry("2", hours=1, decision=DECISION),
        entry("1", "rolled_back", 3, reason="complaints"),
    ]
    assert tell_history(tell_terms("churn", entries, "1")).splitlines() == [
        "version  from                     to                       why",
        "1        2026-11-01 12:00:00 UTC  2026-11-01 13:00:00 UTC  promoted; the first",
        "2        2026-11-01 13:00:00 UTC  2026-11-01 15:00:00 UTC  promoted; gate: pass,"
        " log loss 0.02 less, calibrated",
        "1        2026-11-01 15:00:00 UTC  now                      rolled back; complaints",
    ]
    assert tell_history(tell_terms("churn", [], "7")).splitlines()[1] == (
        "7        unknown                  now                      set outside Patron"
    )
    assert tell_history([]) == "No version has been promoted."
