"""A record tells the shop's own attributes; what no model knows is missing, with a warning."""

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
import pytest

from contract.bundle import Bundle
from contract.linear import Logistic
from contract.norms import Norms
from features.compute import compute
from features.dictionary import describe, fingerprint
from serving.requests import read_json
from serving.routes.histories import tell_records
from serving.routes.records import UNUSED, Record
from serving.routes.scores import answer
from serving.routes.web import make_app
from serving.scorer import Scorer

AS_OF = "2026-06-01T00:00:00Z"
MOMENT = datetime(2026, 6, 1, tzinfo=UTC)
NAMES = ("attribute_household_size", "attribute_region")
NORMS = Norms(
    as_of=MOMENT,
    attributes={"region": "text", "household_size": "number"},
    vocabulary={"attribute_region": ("north", "south")},
)
NO_CONTROLS = r"^[^\x00-\x1f\x7f]*$"
LINE = {"order_id": "1", "ordered_at": "2026-05-01T00:00:00Z", "amount": 9}


def know(bundle: Bundle, norms: Norms = NORMS) -> Bundle:
    """Return the bundle, but answering by the two attributes."""
    manifest = bundle.manifest.model_copy(
        update={"inputs": NAMES, "dictionary": fingerprint(NAMES), "family": "logistic"}
    )
    model = Logistic(tuple((name,) for name in NAMES), (0.8, -1.5), 0.1, 1.0)
    return replace(bundle, manifest=manifest, model=model, entries=describe(NAMES), norms=norms)


@pytest.fixture(scope="module")
def knowing(scorer: Scorer) -> Scorer:
    return Scorer({name: know(bundle) for name, bundle in scorer.bundles.items()})


def ask(scorer: Scorer, **told: Any) -> Any:
    record = {"customer_id": "c", "transactions": [LINE]} | told
    question = {"as_of": AS_OF, "records": [record]}
    return answer(json.dumps(question).encode(), scorer, "id").results[0]


def features(**told: Any) -> list[float | None]:
    record = Record.model_validate({"customer_id": "c"} | told)
    history = tell_records({"0": record}, MOMENT, NORMS)
    (row,) = compute(history, {MOMENT: NORMS}, NAMES).to_arrow().to_pylist()
    return [row[name] for name in NAMES]


@pytest.mark.parametrize(
    ("attributes", "expected"),
    [
        ({"region": "south", "household_size": 3}, [3, 2]),
        ({"region": "north", "household_size": 0.25}, [0.25, 1]),
        ({"household_size": 0}, [0, None]),
        ({"region": "east", "household_size": None}, [None, None]),
        ({"region": "", "shoe_size": 44}, [None, None]),
        ({"region": 7, "household_size": "3"}, [None, None]),
        ({}, [None, None]),
    ],
)
def test_attributes_are_told_with_the_record(attributes: Any, expected: Any) -> None:
    assert features(attributes=attributes) == expected


def test_attributes_hold_from_valid_from_on() -> None:
    told = {"attributes": {"region": "south", "household_size": 3}}
    assert features(**told, valid_from="2026-05-31T23:59:59.999999Z") == [3, 2]
    assert features(**told, valid_from=AS_OF) == [None, None]


def test_a_number_keeps_every_bit() -> None:
    for number in (0.1, -1e9, 5e-324, 123456789.12345679):
        said = read_json(json.dumps({"household_size": number}).encode())
        assert features(attributes=said)[0] == number


def test_an_answer_goes_by_the_attributes(knowing: Scorer) -> None:
    south, north, none = (
        ask(knowing, attributes=told)
        for told in ({"region": "south", "household_size": 3}, {"region": "north"}, {})
    )
    assert len({r.churn.probability for r in (south, north, none)}) == 3
    assert south.warnings == north.warnings == none.warnings == ()
    later = ask(knowing, attributes={"region": "north"}, valid_from="2026-07-01T00:00:00Z")
    assert later.churn == none.churn


@pytest.mark.parametrize(
    "unused",
    [{"shoe_size": 44}, {"region": 7}, {"household_size": "3"}, {"days_since_order": 1}],
)
def test_an_attribute_that_no_model_knows_is_missing_and_told_so(
    knowing: Scorer, scorer: Scorer, unused: dict[str, Any]
) -> None:
    plain = ask(knowing)
    told = ask(knowing, attributes=unused)
    assert told.status == "ok"
    assert told.warnings == (UNUSED,)
    assert (told.churn, told.next_purchase) == (plain.churn, plain.next_purchase)
    assert ask(scorer, attributes=unused).warnings == (UNUSED,)
    assert ask(scorer, attributes=unused).churn == ask(scorer).churn


def test_what_is_not_told_of_an_attribute_needs_no_warning(knowing: Scorer) -> None:
    assert ask(knowing, attributes={"region": None, "shoe_size": ""}).warnings == ()


def test_an_attribute_unknown_to_all_models_is_no_entry() -> None:
    record = Record.model_validate({"customer_id": "c", "attributes": {"shoe_size": 44}})
    assert len(tell_records({"0": record}, MOMENT, NORMS).listed) == 0


def test_each_model_knows_its_own_attributes(scorer: Scorer) -> None:
    older = NORMS.model_copy(update={"as_of": MOMENT - timedelta(days=30)})
    newer = Norms(as_of=MOMENT, attributes={"shoe_size": "number"})
    churn, next_purchase = scorer.bundles.values()
    mixed = Scorer({"churn": know(churn, older), "next_purchase": know(next_purchase, newer)})
    assert mixed.norms.as_of == MOMENT
    assert mixed.norms.attributes == {**NORMS.attributes, "shoe_size": "number"}
    told = ask(mixed, attributes={"region": "south", "household_size": 3, "shoe_size": 44})
    plain = ask(mixed)
    assert told.warnings == ()
    assert told.churn.probability != plain.churn.probability
    assert told.next_purchase == plain.next_purchase


def test_openapi_tells_the_form_of_attributes() -> None:
    form = make_app().openapi()["components"]["schemas"]["Record"]["properties"]["attributes"]
    text = {"type": "string", "maxLength": 128, "pattern": NO_CONTROLS}
    number = {"type": "number", "minimum": -1e9, "maximum": 1e9}
    assert form == {
        "title": "Attributes",
        "description": "The shop's own, as its layout names them.",
        "type": "object",
        "default": {},
        "maxProperties": 100,
        "propertyNames": {"minLength": 1, "maxLength": 128},
        "patternProperties": {NO_CONTROLS: {"anyOf": [text, number, {"type": "null"}]}},
        "additionalProperties": False,
    }


def test_a_hundred_attributes_are_read_and_most_are_missing() -> None:
    many = {f"a{n}": np.pi * n for n in range(99)} | {"region": "south"}
    assert features(attributes=many) == [None, 2]
