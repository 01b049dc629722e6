"""What a question means: which moment, which targets, which sums."""

import json
import re
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from contract.bundle import load_bundles
from contract.moments import as_micros
from contract.norms import Norms, Product
from contract.ranges import measure_ranges
from features.compute import compute
from serving.problems import RefusalError
from serving.requests import read_json, read_moment, read_number
from serving.routes.histories import tell_records
from serving.routes.records import Record
from serving.routes.scores import Scores, answer
from serving.routes.strange import find_strange
from serving.scorer import Scorer
from tests.serving.bundles import PRIORS, make_bundles
from tests.serving.malformed import BODIES

AS_OF = "2026-06-01T00:00:00Z"
MOMENT = datetime(2026, 6, 1, tzinfo=UTC)


def ask(scorer: Scorer, *records: dict[str, Any], **more: Any) -> Scores:
    question = {"as_of": AS_OF, "records": records} | more
    return answer(json.dumps(question).encode(), scorer, "id")


def buy(**fields: Any) -> dict[str, Any]:
    line = {"order_id": "1", "ordered_at": "2026-05-01T00:00:00Z", "amount": 9} | fields
    return {"customer_id": "c", "transactions": [line]}


def test_long_gone_get_their_own_prior(scorer: Scorer) -> None:
    result: Any = ask(scorer, buy(ordered_at="2024-01-01T00:00:00Z")).results[0]
    assert result.stage == "lapsed"
    assert result.churn is None
    assert result.next_purchase.probability == PRIORS.lapsed
    assert result.next_purchase.rung == "prior"
    assert result.warnings == ()


def test_offsets_tell_one_moment(scorer: Scorer) -> None:
    times = ("2026-05-01T02:00:00+02:00", "2026-05-01T00:00:00Z", "2026-05-01t00:00:00")
    results: Any = ask(scorer, *(buy(ordered_at=t) for t in times)).results
    assert [r.record_id for r in results] == ["0", "1", "2"]
    assert results[0].churn == results[1].churn == results[2].churn
    other: Any = ask(scorer, buy(ordered_at="2026-05-01T00:00:00-02:00")).results[0]
    assert other.churn.baseline < results[0].churn.baseline


def test_a_decimal_string_is_the_same_number(scorer: Scorer) -> None:
    text, number = ask(scorer, buy(amount="59.90"), buy(amount=59.9)).results
    assert text.model_dump(exclude={"record_id"}) == number.model_dump(exclude={"record_id"})


@pytest.mark.parametrize("column", ["amount", "quantity", "discount"])
def test_sums_that_the_features_cannot_hold_fail_alone(scorer: Scorer, column: str) -> None:
    lines = [buy(**{column: 1e9})["transactions"][0] for _ in range(1001)]
    told = ask(
        scorer,
        {"customer_id": "a", "transactions": lines},
        {"customer_id": "b", "transactions": lines[:1000]},
    )
    assert [r.status for r in told.results] == ["error", "ok"]
    failed: Any = told.results[0]
    assert failed.error.code == "sum_too_large"
    assert (told.summary.succeeded, told.summary.failed) == (1, 1)


def test_the_largest_sum_in_many_orders_is_answered(scorer: Scorer) -> None:
    lines = [buy(order_id=str(i), amount=1e9)["transactions"][0] for i in range(1000)]
    [result] = ask(scorer, {"customer_id": "c", "transactions": lines}).results
    assert result.status == "ok"


def test_when_every_record_fails_there_is_still_an_answer(scorer: Scorer) -> None:
    euros, pounds = (buy(currency=c)["transactions"][0] for c in ("EUR", "GBP"))
    told = ask(scorer, {"customer_id": "c", "transactions": [euros, pounds]})
    assert (told.summary.total, told.summary.failed) == (1, 1)


def test_only_the_targets_asked_for(scorer: Scorer) -> None:
    result: Any = ask(scorer, buy(), targets=["churn", "churn"]).results[0]
    assert result.next_purchase is None
    assert [(m.target, m.version) for m in result.models] == [("churn", "3")]
    assert result.models[0].sha256 == scorer.bundles["churn"].sha256
    both: Any = ask(scorer, buy(), targets=[]).results[0]
    assert [m.target for m in both.models] == ["churn", "next_purchase"]


def test_as_of_is_now_unless_told(scorer: Scorer) -> None:
    before = datetime.now(UTC)
    told = answer(json.dumps({"records": [{"customer_id": "c"}]}).encode(), scorer, "id")
    assert before <= told.as_of <= datetime.now(UTC)


def test_the_table_of_malformed_bodies_is_long() -> None:
    assert len(BODIES) >= 100
    assert len({case.name for case in BODIES}) == len(BODIES)


def test_many_wrong_places_are_counted_and_cut(scorer: Scorer) -> None:
    with pytest.raises(RefusalError) as refused:
        ask(scorer, *({} for _ in range(900)))
    assert "900" in refused.value.detail
    assert len(refused.value.more["errors"]) == 20


def test_of_many_wrong_rows_only_the_first_is_told(scorer: Scorer) -> None:
    lines = [buy()["transactions"][0], *({} for _ in range(9_999))]
    with pytest.raises(RefusalError) as refused:
        ask(scorer, *({"customer_id": "c", "transactions": lines} for _ in range(40)))
    faults = refused.value.more["errors"]
    assert refused.value.detail.startswith(f"Wrong places in the body: {40 * 3};")
    assert faults[0]["pointer"] == "/records/0/transactions/1/order_id"
    assert faults[3]["pointer"] == "/records/1/transactions/1/order_id"


def test_numbers_keep_every_bit() -> None:
    for number in (0.1, 59.9, 1e9, -1e-12, 5e-324, 123456789.12345679):
        assert read_number(read_json(repr(number).encode())) == number
    assert read_number("-0.10") == -0.1
    assert read_number(10**400) == 1e10
    assert read_number(-(10**400)) == -1e10


def test_moments_keep_every_microsecond() -> None:
    told = datetime(2026, 5, 1, 8, 0, 0, 123456, UTC)
    assert read_moment("2026-05-01T10:00:00.123456+02:00") == told
    assert read_moment("2026-05-01 08:00:00.123456789z") == told
    assert read_moment("2026-05-01T08:00:00.123456") == told


def test_records_become_a_history_of_their_rows() -> None:
    told = buy(quantity="2", product_id="P-1")
    told["transactions"].append(told["transactions"][0] | {"product_id": "POST"})
    norms = Norms(as_of=MOMENT, non_goods=("POST",), products={"P-1": Product(category="bags")})
    records = {"7": Record.model_validate(told), "8": Record(customer_id="d")}
    history = tell_records(records, MOMENT, norms)
    assert history.ids.to_pylist() == ["7", "8"]
    assert history.lines.bounds.tolist() == [0, 1, 1]
    assert history.lines["amount"].tolist() == [9.0]
    assert history.lines["quantity"].tolist() == [2.0]
    assert np.isnan(history.lines["discount"]).all()
    assert history.goods.categories == ("bags",)
    assert len(history.acts) == 0


def test_country_and_kind_are_told_with_the_record_from_when_they_hold() -> None:
    told = {"customer_id": "c", "country": "DE", "kind": "reseller"}
    norms = Norms(as_of=MOMENT, vocabulary={"country": ("FR", "DE"), "kind": ("reseller",)})
    later = told | {"valid_from": "2026-06-01T00:00:00Z"}
    records = {n: Record.model_validate(r) for n, r in (("0", told), ("1", later))}
    made = compute(tell_records(records, MOMENT, norms), {MOMENT: norms}, ("country", "kind"))
    assert made.columns["country"][0] == 2
    assert made.columns["kind"][0] == 1
    assert np.isnan(made.columns["country"][1])


def test_customers_listed_at_or_after_the_moment_are_known_all_the_same() -> None:
    record = Record(customer_id="c", since=AS_OF)
    history = tell_records({"0": record}, MOMENT, Norms(as_of=MOMENT))
    assert history.known(as_micros(MOMENT)).tolist() == [True]


def test_bundles_are_read_from_a_folder(tmp_path: Path) -> None:
    loaded = load_bundles(make_bundles(tmp_path))
    assert {t: b.version for t, b in loaded.items()} == {"churn": "3", "next_purchase": "7"}


NEVER = np.array([np.nan, np.nan])
WORDS = {"country": ("FR", "DE"), "kind": ("consumer",), "attribute_region": ("north",)}
KNOWING = Norms(
    as_of=MOMENT,
    non_goods=("POST",),
    products={"P-1": Product(category="bags")},
    attributes={"region": "text", "size": "number"},
    vocabulary=WORDS,
)


@pytest.mark.parametrize(
    ("told", "warnings"),
    [
        (buy(product_id="P-1"), ()),
        (buy(product_id="POST"), ()),
        (buy(product_id="P-9"), ("unseen_product",)),
        (buy(), ("missing_product",)),
        (buy(product_id=""), ("missing_product",)),
        ({"customer_id": "c", "country": "DE", "kind": ""}, ()),
        ({"customer_id": "c", "country": "AT"}, ("unseen_country",)),
        ({"customer_id": "c", "kind": "reseller"}, ("unseen_kind",)),
        ({"customer_id": "c", "attributes": {"region": "north", "size": 7}}, ()),
        ({"customer_id": "c", "attributes": {"region": "west"}}, ("unseen_attribute",)),
    ],
)
def test_what_no_model_has_seen_or_what_is_missing_is_told(
    told: dict[str, Any], warnings: tuple[str, ...]
) -> None:
    record = Record.model_validate(told)
    assert find_strange(record, KNOWING) == warnings
    assert find_strange(record, Norms(as_of=MOMENT)) == ()


def test_a_customer_beyond_what_a_model_was_judged_on_is_told_so(scorer: Scorer) -> None:
    line = scorer.bundles["next_purchase"]
    seen = measure_ranges({"days_since_order": np.array([1.0, 301.0, np.nan])})
    narrow = replace(line, manifest=line.manifest.model_copy(update={"ranges": seen}))
    ranged = Scorer({**scorer.bundles, "next_purchase": narrow})
    days = {"near": "2025-08-01T00:00:00Z", "edge": "2025-07-10T00:00:00Z",
            "far": "2025-06-15T00:00:00Z"}  # fmt: skip
    told: Any = ask(ranged, *(buy(ordered_at=day) for day in days.values()), {"customer_id": "d"})
    assert [r.warnings for r in told.results] == [(), (), ("out_of_range",),
                                                  ("no_order_before_as_of",)]  # fmt: skip
    churn: Any = ask(ranged, buy(ordered_at=days["far"]), targets=["churn"]).results[0]
    assert churn.warnings == (), "the model that was asked has no ranges"


def test_attributes_may_be_listed_by_a_typed_caller() -> None:
    listed = [{"name": "region", "text": "north"}, {"name": "size", "number": 7}, {"name": "none"}]
    record = Record.model_validate({"customer_id": "c", "attributes": listed})
    assert record.attributes == {"region": "north", "size": 7.0, "none": None}


@pytest.mark.parametrize(
    "listed",
    [
        [{"name": "a", "text": "x", "number": 1}],
        [{"name": "a", "text": "x"}, {"name": "a", "text": "y"}],
        [{"text": "x"}],
        [{"name": "a", "number": "7"}],
        [{"name": "a", "size": 7}],
        [{"name": f"a{n}", "number": n} for n in range(101)],
    ],
)
def test_attributes_listed_wrongly_are_refused(scorer: Scorer, listed: Any) -> None:
    with pytest.raises(RefusalError) as refused:
        ask(scorer, {"customer_id": "c", "attributes": listed})
    [fault] = refused.value.more["errors"]
    assert (fault["pointer"], fault["code"]) == ("/records/0/attributes", "not_attributes")


def test_ranges_of_no_customer_and_of_no_feature() -> None:
    seen = measure_ranges({"a": np.array([1.0, 3.0]), "b": np.array([2.0, 2.0]), "c": NEVER})
    assert seen.names == ("a",), "what never varied, or was never known, has no range"
    told = {"a": np.array([0.79, 0.81, np.nan, 3.21]), "b": np.array([9.0, 9.0, 9.0, 9.0])}
    assert seen.exceed(told).tolist() == [True, False, False, True]
    assert seen.exceed({"a": np.array([])}).tolist() == []
    assert measure_ranges({}).exceed(told).tolist() == [False] * 4


def test_the_page_shows_what_is_answered(scorer: Scorer) -> None:
    page = (Path(__file__).resolve().parents[2] / "docs" / "serving.md").read_text("utf-8")
    asked = re.search(r"<<'JSON'\n(.+?)\nJSON\n", page, re.S)
    shown = re.search(r"```json\n(\{\"request_id\".+?)```", page, re.S)
    assert asked and shown
    told = json.loads(
        answer(asked[1].encode(), scorer, "crm-77").model_dump_json(exclude_none=True)
    )
    printed = json.loads(shown[1])
    for result in (*told["results"], *printed["results"]):
        # A digest and the day's own hashes; all else is to be as it is printed.
        result.pop("receipt", None)
        for model in result.get("models", ()):
            assert len(model.pop("sha256")) == 64
    assert told == printed
