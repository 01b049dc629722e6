"""Reasons: every feature has a group and a sentence, and both routes tell them over real HTTP."""

import json
import re
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from math import nan
from typing import Any

import numpy as np
import pytest

from contract.bundle import load_bundles
from contract.linear import Logistic
from contract.models import log_odds
from contract.moments import as_micros
from contract.norms import Norms
from contract.shares import Shares, share_chance
from features.compute import compute
from features.dictionary import FEATURES, describe, fingerprint
from features.pairs import PAIRS
from features.told import Act, Line, tell_history
from serving.bento import build_bento
from serving.chances import Known
from serving.problems import RefusalError
from serving.reasons.changes import find_changes
from serving.reasons.edits import EDITS, OPEN, Moment
from serving.reasons.explain import Told, explain, rank_reasons
from serving.reasons.groups import EXCEPTIONS, GROUPS, OF_ROOM, cut_ending, find_group
from serving.reasons.labels import LABELS
from serving.reasons.languages import choose_language
from serving.reasons.more_labels import MORE_LABELS
from serving.reasons.ranking import rank_groups
from serving.reasons.sharing import explain_choice
from serving.reasons.words import ALL_LABELS, LANGUAGES, Spoken, tell_feature
from serving.routes.explanations import explain_all
from serving.routes.scores import answer
from serving.scorer import Scorer
from tests.conftest import ROOT
from tests.serving.bundles import make_bundles
from tests.serving.choices import make_choice
from tests.serving.parity import draw_records
from tests.serving.running import Service, assert_problem, parse, post, running, score
from tests.serving.test_worths import bundle as worth_bundle  # noqa: F401 - a fixture

AS_OF = datetime(2026, 6, 1, tzinfo=UTC)
NOW = as_micros(AS_OF)
NORMS = Norms(as_of=AS_OF, vocabulary={"country": ("FR", "DE"), "category": ("bags", "belts"),
                                       "attribute_region": ("north", "south")})  # fmt: skip
CHINESE = re.compile(r"[\u4e00-\u9fff]")


# Groups and sentences


def test_every_feature_belongs_to_exactly_one_group():
    groups = {name: find_group(name) for name in (*FEATURES, *PAIRS)}
    assert set(groups.values()) == set(GROUPS) and 12 <= len(GROUPS) <= 20
    assert set(OF_ROOM) == {feature.room for feature in FEATURES.values()}
    named = [stem for stems in EXCEPTIONS.values() for stem in stems]
    assert len(named) == len(set(named))
    assert set(named) <= {cut_ending(name)[0] for name in FEATURES}
    assert find_group("attribute_region") == find_group("attribute_last_30d") == "profile"
    assert groups["complaints_while_late"] == "complaints"
    assert groups["orders_a_year_ago_90d"] == "season" != groups["orders_90d"] == "order_count"


def test_every_feature_has_a_sentence_in_both_languages_known_or_not():
    for name in (*FEATURES, *PAIRS, "attribute_region"):
        for value in (0.0, 1.0, 3.5, 1234.56, -2.0, nan):
            for language in LANGUAGES:
                told = {"days_since_order": 122.2, "mean_gap": 39.0} | {name: value}
                text = tell_feature(name, Spoken(told, NORMS, language, "belts"))
                assert not re.search(r"nan|None|\{|\}|inf", text), text
                label = text.partition(": ")[0].partition("：")[0]
                if language == "en":
                    assert not CHINESE.search(text), text
                elif name != "attribute_region":  # which a shop names as it likes
                    assert CHINESE.search(label), text
                assert text.endswith("。" if language == "zh" else ".")


def test_no_label_is_for_a_feature_that_is_not():
    stems = {cut_ending(name)[0] for name in FEATURES} | {*FEATURES, *PAIRS}
    assert set(ALL_LABELS) <= stems
    assert not set(LABELS) & set(MORE_LABELS)


def say(name, language="en", **told):
    return tell_feature(name, Spoken(told, NORMS, language))


def test_sentences_hold_the_customers_own_numbers():
    assert say("days_since_order", days_since_order=122.2, mean_gap=39.4) == (
        "Last order 122 days ago; usual gap is 39 days."
    )
    assert say("days_since_order", days_since_order=1.0, mean_gap=nan) == (
        "Last order 1 day ago, the only one so far."
    )
    assert say("days_since_order", days_since_order=nan, mean_gap=nan) == "No order yet."
    assert say("lateness", lateness=3.13, days_since_order=122.2, mean_gap=39.0) == (
        "Silent for 122 days, 3.1 times the usual gap of 39 days."
    )
    # A gap of minutes counts as a day, so the sentence must not call it the usual gap.
    assert say("lateness", lateness=9.0, days_since_order=9.0, mean_gap=0.1) == (
        "Silence in units of the usual gap: 9."
    )
    assert say("days_since_order", days_since_order=0.2, mean_gap=0.6) == (
        "Last order less than a day ago; usual gap is less than a day."
    )
    assert say("order_days", order_days=0.0) == "Days with an order so far: 0 days."
    assert say("orders_90d", orders_90d=3.0) == "Orders in the last 90 days: 3."
    assert say("discount_share", discount_share=0.257) == (
        "Discounts as a share of the full price: 26 %."
    )
    assert say("spend_365d", spend_365d=1234.5) == "Spent in the last 365 days: 1,234.50."
    assert say("days_since_visit", days_since_visit=nan) == (
        "Time since the last visit: none so far."
    )
    assert say("median_gap", median_gap=nan) == (
        "Median gap between orders: too few so far to tell."
    )
    assert say("country", country=2.0) == "Country: DE."
    assert say("country", country=nan) == "Country: not known."
    assert say("category_share_2", category_share_2=0.5) == "Share of lines in belts: 50 %."
    assert say("attribute_region", attribute_region=1.0) == "region: north."
    assert say("attribute_size", attribute_size=2.5) == "size: 2.5."


def test_sentences_in_chinese():
    assert say("days_since_order", "zh", days_since_order=122.2, mean_gap=39.4) == (
        "上次下单在122天前，通常间隔为39天。"
    )
    assert say("lateness", "zh", lateness=3.13, days_since_order=122.2, mean_gap=39.0) == (
        "已有122天未下单，是通常间隔（39天）的3.1倍。"
    )
    assert say("orders_90d", "zh", orders_90d=3.0) == "近90天的订单数：3。"
    assert say("days_since_order", "zh", days_since_order=nan, mean_gap=nan) == "尚未下过订单。"
    assert say("days_since_visit", "zh", days_since_visit=nan) == "距上次访问：暂无。"


@pytest.mark.parametrize(
    ("header", "language"),
    [("", "en"), ("zh", "zh"), ("zh-CN,zh;q=0.9,en;q=0.8", "zh"), ("en-GB, zh;q=0.9", "en"),
     ("fr, zh-Hans;q=0.5", "zh"), ("fr", "en"), ("*", "en"), ("en;q=0.2,zh;q=0.3", "zh"),
     ("zh;q=0", "en"), ("zh;q=nonsense", "en"), ("zh;q=2", "en"), ("ZH-TW", "zh"),
     (",;=,q", "en"), ("en;q=0.5,zh;q=0.5", "en")],
)  # fmt: skip
def test_the_language_is_the_one_the_caller_puts_first(header, language):
    assert choose_language(header) == language


# Ranking


def test_a_group_is_told_by_the_feature_that_moves_most_in_its_own_direction():
    names = ("orders_30d", "orders_90d", "visits_30d", "days_since_visit", "country")
    added = np.array([[0.5, -0.2, -0.7, 0.1, 0.0], [0.0] * 5])
    ranking = rank_groups(Shares(np.zeros(2), names, added), most=3)
    told = [(ranking.groups[g], names[f]) for g, f in zip(ranking.group[0], ranking.feature[0],
                                                          strict=True)]  # fmt: skip
    assert told[:2] == [("visits", "visits_30d"), ("order_count", "orders_30d")]
    assert ranking.added[0, :2] == pytest.approx([-0.6, 0.3])
    assert ranking.strength[0] == pytest.approx([2 / 3, 1 / 3, 0])
    assert ranking.strength[1].tolist() == [0, 0, 0]


# Reasons of whole answers


def make_history(norms=NORMS):
    """Silent for long, a single order, a prospect, and one who complained and is late."""
    day = 86_400_000_000
    lines = [Line(0, NOW - d * day, f"A{d}", 40.0, 1.0) for d in (300, 260, 220, 200)]
    lines += [Line(1, NOW - 5 * day, "B", 20.0, 1.0)]
    lines += [Line(3, NOW - d * day, f"D{d}", 30.0, 2.0, 1.5) for d in (90, 60, 30)]
    acts = [Act(3, NOW - 2 * day, "complaint"), Act(3, NOW - 3 * day, "visit")]
    return tell_history([*"abcd"], lines, acts, [], [None] * 4, norms)


def test_reasons_add_up_to_the_answer(scorer):
    history, bundle = make_history(), scorer.bundles["churn"]
    ids, found = rank_reasons(scorer, history, (AS_OF, ["churn"]), most=20)
    ((_, explained, ranking),) = found
    assert ids == [*"abcd"] and explained.customers.tolist() == [0, 1, 3]  # of prospects: nothing
    told = explained.shares.start + ranking.added.sum(axis=1)
    table = scorer.score(history, AS_OF, ["churn"]).to_pylist()
    for place, number in zip(explained.customers, told, strict=True):
        assert number == pytest.approx(log_odds(table[place]["churn_probability"]), abs=1e-6)
    assert ranking.strength.sum(axis=1) == pytest.approx(1, abs=0.01)
    columns = compute(history, {AS_OF: bundle.norms}, bundle.reads).columns
    assert share_chance(bundle, columns).names == bundle.model.inputs


def test_reasons_come_by_target_the_strongest_first_and_hold_the_customers_value(scorer):
    reasons = explain(scorer, make_history(), (AS_OF, ["next_purchase", "churn"]), Told())
    silent, single, prospect, late = (reasons[own] for own in "abcd")
    for told in reasons.values():
        for target in ("churn", "next_purchase"):
            strengths = [r.strength for r in told if r.target == target]
            assert strengths == sorted(strengths, reverse=True) and sum(strengths) <= 1 + 1e-9
            groups = [r.group for r in told if r.target == target]
            assert len(groups) == len(set(groups)) <= 3
    assert [r.target for r in silent].index("churn") == sum(r.target != "churn" for r in silent)
    first = next(r for r in silent if r.target == "churn")
    assert (first.group, first.feature, first.value) == ("silence", "days_since_order", 200.0)
    assert (first.direction, first.text) == (
        "raises", "Last order 200 days ago; usual gap is 33 days."
    )  # fmt: skip
    (only,) = prospect
    assert (only.target, only.group, only.value) == ("next_purchase", "silence", None)
    assert (only.strength, only.text) == (1.0, "No order yet.")
    assert only.direction == "raises"  # .875 of prospects ordered, .4 of all
    assert any(r.text == "Orders in the last 90 days: 3." for r in late)
    assert any(r.text.endswith("the only one so far.") for r in single)


def test_reasons_of_a_category_are_of_the_one_shown_first():
    bundle = make_choice()
    bundle = Scorer({"cross_sell": bundle}).bundles["cross_sell"]
    day = 86_400_000_000
    lines = [Line(0, NOW - 40 * day, "1", 9.0, product_id="b"),
             Line(1, NOW - 800 * day, "2", 9.0, product_id="b")]  # fmt: skip
    history = tell_history([*"abc"], lines, [], [], [None] * 3, bundle.norms)
    scorer = Scorer({"cross_sell": bundle})
    reasons = explain(scorer, history, (AS_OF, ["cross_sell"]), Told())
    first = scorer.score(history, AS_OF).to_pylist()
    for own, row in zip("abc", first, strict=True):
        assert {r.category for r in reasons[own]} == {row["cross_sell_1_category"]}
    assert [r.feature for r in reasons["a"]] == ["lift_mean"]
    assert (
        reasons["a"][0].text == "How much commoner what was bought makes hats (1 is no more): 4.5."
    )
    rows = compute(history, {AS_OF: bundle.norms}, [*bundle.reads, "mean_gap"])
    (explained,) = explain_choice(bundle, Known(history, rows.columns, AS_OF))
    told = [log_odds(row["cross_sell_1_probability"]) for row in first]
    assert explained.shares.told == pytest.approx(told, abs=1e-9)


def test_reasons_of_a_worth_are_told_part_by_part(worth_bundle):  # noqa: F811
    scorer = Scorer({"lifetime_value": worth_bundle})
    history = make_history(worth_bundle.norms)
    reasons = explain(scorer, history, (AS_OF, ["lifetime_value"]), Told())
    parts = ["order_probability", "orders_if_any", "expected_order_value"]
    for own in "abd":
        told = [r.part for r in reasons[own]]
        assert sorted(told, key=parts.index) == told and set(told) <= set(parts)
        assert "order_probability" in told
    assert {r.text for r in reasons["c"]} == {"No order yet."}
    assert [r.part for r in reasons["c"]] == parts
    changes = find_changes(scorer, history, (AS_OF, ["lifetime_value"]))
    plain = scorer.score(history, AS_OF).to_pylist()
    (change,) = changes["a"]
    assert (change.measure, change.edit) == ("predicted", "order_again")
    assert change.before == plain[0]["predicted_lifetime_value"] < change.after


# What would change an answer


def test_each_edit_is_one_plausible_thing_and_touches_nothing_else():
    history = make_history()
    columns = compute(history, {AS_OF: NORMS}, [OPEN]).columns
    now = Moment(history, NOW, columns)
    names = ("orders_ever", "days_since_order", "last_order_value", "items_ever", "discount_ever",
             "complaints_90d", OPEN, "visits_30d", "campaigns_received_90d",
             "campaigns_answered_90d", "emails_clicked_30d", "company_contacts_30d",
             "contacts_30d")  # fmt: skip

    def tell(made):
        found = compute(made, {AS_OF: NORMS}, names).columns
        return {name: column.tolist() for name, column in found.items()}

    plain, moved = tell(history), {name: tell(edit(now)) for name, edit in EDITS.items()}

    def apart(edit):
        return {n for n in names if not np.array_equal(plain[n], moved[edit][n], equal_nan=True)}

    assert apart("order_again") == {"orders_ever", "days_since_order", "items_ever",
                                    "discount_ever"}  # fmt: skip
    assert moved["order_again"]["orders_ever"] == [5, 2, 0, 4]  # a prospect has none to repeat
    assert moved["order_again"]["days_since_order"][:2] == [1, 1]
    assert moved["order_again"]["items_ever"] == [5, 2, 0, 8]
    assert moved["order_again"]["discount_ever"][3] == plain["discount_ever"][3] + 1.5
    assert apart("settle_complaints") == {OPEN, "company_contacts_30d"}
    assert (plain[OPEN], moved["settle_complaints"][OPEN]) == ([0, 0, 0, 1], [0, 0, 0, 0])
    assert apart("visit") == {"visits_30d", "contacts_30d"}
    assert apart("call") == {"company_contacts_30d"}
    answered = apart("answer_campaign")
    assert answered == {"campaigns_received_90d", "campaigns_answered_90d", "emails_clicked_30d",
                        "company_contacts_30d", "contacts_30d"}  # fmt: skip
    assert moved["answer_campaign"]["campaigns_answered_90d"] == [1, 1, 1, 1]


def test_the_change_that_is_told_is_what_the_model_answers_of_the_edited_history(scorer):
    history = make_history()
    changes = find_changes(scorer, history, (AS_OF, ["churn", "next_purchase"]))
    plain = scorer.score(history, AS_OF).to_pylist()
    now = Moment(history, NOW, compute(history, {AS_OF: NORMS}, [OPEN]).columns)
    edited = {n: scorer.score(edit(now), AS_OF).to_pylist() for n, edit in EDITS.items()}
    for place, own in enumerate("abcd"):
        for change in changes[own]:
            column = f"{change.target}_probability"
            assert change.before == plain[place][column]
            assert change.after == edited[change.edit][place][column]
            better = min if change.target == "churn" else max
            all_told = [rows[place][column] for rows in edited.values()]
            assert change.after == better(all_told)
    silent = {change.target: change for change in changes["a"]}
    assert silent["churn"].edit == "order_again" and silent["churn"].after < silent["churn"].before
    assert silent["churn"].text.startswith("With an order like the last one placed yesterday, the")
    assert not changes["c"]  # nothing is told of a prospect's churn, and no edit makes an order


def test_the_change_of_a_cross_sell_is_of_the_category_shown_first():
    plain = make_choice()
    inputs = ("orders_ever", "visits_30d")
    told = {"inputs": inputs, "dictionary": fingerprint(inputs)}
    model = Logistic((("own_rate",), ("lift_mean",), ("visits_30d",)), (3.0, 1.0, 0.5), -0.7, 1.0)
    bundle = replace(plain, model=model, manifest=plain.manifest.model_copy(update=told),
                     entries=describe(inputs))  # fmt: skip
    day = 86_400_000_000
    lines = [Line(0, NOW - 40 * day, "1", 9.0, product_id="b"),
             Line(1, NOW - 800 * day, "2", 9.0, product_id="h")]  # fmt: skip
    history = tell_history([*"abc"], lines, [], [], [None] * 3, bundle.norms)
    scorer = Scorer({"cross_sell": bundle})
    changes = find_changes(scorer, history, (AS_OF, ["cross_sell"]))
    now = Moment(history, NOW, compute(history, {AS_OF: NORMS}, [OPEN]).columns)
    first = scorer.score(history, AS_OF).to_pylist()
    edited = {n: scorer.score(edit(now), AS_OF).to_pylist() for n, edit in EDITS.items()}

    def show(row):
        return {row[f"cross_sell_{n}_category"]: row[f"cross_sell_{n}_probability"]
                for n in range(1, 6)}  # fmt: skip

    # One who ordered lately is shown hats; a visit is one more: .5 x log(1 + 1), times the slope.
    (change,) = changes["a"]
    assert (change.target, change.category, change.edit) == ("cross_sell", "hats", "visit")
    assert change.before == first[0]["cross_sell_1_probability"]
    assert change.after == show(edited["visit"][0])["hats"]
    assert change.after == max(show(rows[0])["hats"] for rows in edited.values())
    moved = log_odds(change.after) - log_odds(change.before)
    assert moved == pytest.approx(0.9 * 0.5 * np.log(2), abs=1e-6)
    before, after = (f"{100 * share:.0f} %" for share in (change.before, change.after))
    assert change.text == (
        f"With a visit yesterday, the model would answer {after} for hats instead of {before}."
        " That is what it makes of such a history, not a promise."
    )
    # One who has left is told the shares of such; an order makes the model answer.
    (change,) = changes["b"]
    assert (change.category, change.edit) == ("scarves", "order_again")
    assert change.before == 0.03  # LAPSED
    assert change.after == show(edited["order_again"][1])["scarves"]
    assert changes["c"] == []  # a prospect has no order to repeat, and is told shares throughout
    (told,) = find_changes(scorer, history, (AS_OF, ["cross_sell"]), "zh")["a"]
    assert told.text.startswith("假如客户昨天有过一次访问，模型对hats给出的结果将是")


def test_a_category_that_an_edit_hides_is_not_told_of():
    # Bought 500 days ago, scarves may be shown again; bought yesterday, they may not.
    bundle = make_choice()
    scorer = Scorer({"cross_sell": bundle})
    lines = [Line(0, NOW - 500 * 86_400_000_000, "1", 9.0, product_id="s")]
    history = tell_history(["a"], lines, [], [], [None], bundle.norms)
    (row,) = scorer.score(history, AS_OF).to_pylist()
    now = Moment(history, NOW, compute(history, {AS_OF: NORMS}, [OPEN]).columns)
    (again,) = scorer.score(EDITS["order_again"](now), AS_OF).to_pylist()
    shown = [again[f"cross_sell_{n}_category"] for n in range(1, 6)]
    assert row["cross_sell_1_category"] == "scarves" and "scarves" not in shown
    assert find_changes(scorer, history, (AS_OF, ["cross_sell"])) == {"a": []}


# Over HTTP


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    home = tmp_path_factory.mktemp("reasons")
    bundles = make_bundles(home / "made")
    assert build_bento(bundles, home).startswith("patron:")
    with running(home) as (client, log):
        yield Service(client, log, Scorer(load_bundles(bundles)))


def explain_over_http(service: Service, records: list[dict[str, Any]], **headers: str) -> Any:
    body = json.dumps({"as_of": "2026-06-01T00:00:00Z", "records": records}).encode()
    headers = {"content-type": "application/json"} | headers
    return service.client.post("/v1/explanations", content=body, headers=headers)


def test_scores_tell_reasons_only_where_asked_for(service):
    records = draw_records(30)
    plain, told = score(service, records), score(service, records, explain=True)
    assert not [r for r in plain["results"] if "reasons" in r]
    assert [{k: v for k, v in r.items() if k != "reasons"} for r in told["results"]] == (
        plain["results"]
    )
    reasons = [reason for result in told["results"] for reason in result["reasons"]]
    assert {r["target"] for r in reasons} == {"churn", "next_purchase"}
    assert {r["direction"] for r in reasons} == {"raises", "lowers"}
    assert all(0 < r["strength"] <= 1 and r["text"] and r["group"] in GROUPS for r in reasons)
    assert all(set(r) <= {"target", "feature", "group", "group_name", "value", "direction",
                          "strength", "text"} for r in reasons)  # fmt: skip
    assert any("value" not in r for r in reasons)


def test_explanations_tell_reasons_and_changes_in_the_language_asked_for(service):
    records = draw_records(20)
    english = explain_over_http(service, records)
    chinese = explain_over_http(service, records, **{"accept-language": "zh-CN,en;q=0.5"})
    assert english.status_code == chinese.status_code == 200
    said, gesagt = parse(english.text), parse(chinese.text)
    assert (said["language"], gesagt["language"]) == ("en", "zh")
    assert chinese.headers["content-language"] == "zh"
    assert said["summary"] == {"total": 20, "succeeded": 20, "failed": 0}
    pairs = list(zip(said["results"], gesagt["results"], strict=True))
    assert [one["record_id"] for one, _ in pairs] == [r["record_id"] for r in records]
    changes = 0
    for one, other in pairs:
        assert [m["target"] for m in one["models"]] == ["churn", "next_purchase"]
        for kind in ("reasons", "changes"):
            for a, b in zip(one[kind], other[kind], strict=True):
                wordless = {"text", "group_name"}
                assert {k: v for k, v in a.items() if k not in wordless} == (
                    {k: v for k, v in b.items() if k not in wordless}
                )
                assert CHINESE.search(b["text"])
                assert not CHINESE.search(a["text"])
        changes += len(one["changes"])
    assert changes > 20
    same = score(service, records, explain=True)["results"]
    assert [r["reasons"] for r in same] == [r["reasons"] for r in said["results"]]


def test_more_records_than_are_explained_are_refused(service):
    many = [{"customer_id": f"C-{i}"} for i in range(101)]
    for reply in (
        explain_over_http(service, many),
        post(service, {"records": many, "explain": True}),
    ):
        problem = assert_problem(reply, 422, "wrong_form")
        [fault] = problem["errors"]
        assert (fault["pointer"], fault["code"]) == ("/records", "too_many_to_explain")
    assert post(service, {"records": many}).status_code == 200
    assert explain_over_http(service, many[:100]).status_code == 200
    assert_problem(explain_over_http(service, []), 422, "wrong_form")
    problem = assert_problem(explain_over_http(service, [{"customer": "x"}]), 422, "wrong_form")
    assert problem["instance"] == "/v1/explanations"
    assert_problem(service.client.get("/v1/explanations"), 405, "method_not_allowed")


def test_a_record_that_fails_fails_alone(service):
    line = {"order_id": "1", "ordered_at": "2026-05-01T00:00:00Z", "amount": 9}
    mixed = [line | {"currency": "EUR"}, line | {"currency": "GBP"}]
    failing = {"customer_id": "a", "transactions": mixed}
    reply = explain_over_http(service, [failing, {"customer_id": "b", "transactions": [line]}])
    said = parse(reply.text)
    assert [r["status"] for r in said["results"]] == ["error", "ok"]
    assert said["results"][1]["reasons"]
    alone = explain_over_http(service, [failing])
    assert alone.status_code == 200
    assert parse(alone.text)["summary"] == {"total": 1, "succeeded": 0, "failed": 1}
    told = post(service, {"records": [failing], "explain": True})
    assert told.status_code == 200


def test_the_document_describes_both(service):
    document = service.client.get("/openapi.json").json()
    assert "/v1/explanations" in document["paths"]
    assert "explain" in document["components"]["schemas"]["Question"]["properties"]
    listed = document["components"]["schemas"]["Explained"]["properties"]
    assert listed["reasons"]["items"] == {"$ref": "#/components/schemas/Reason"}


def test_the_page_shows_what_is_answered(scorer):
    page = (ROOT / "docs" / "reasons.md").read_text("utf-8")
    asked = re.search(r"<<'JSON'\n(.+?)\nJSON\n", page, re.S)[1]
    shown = parse(re.search(r"```json\n(.+?)```", page, re.S)[1])
    told = parse(explain_all(asked.encode(), scorer, "crm-79").model_dump_json(exclude_none=True))
    for answer_ in (shown, told):
        del answer_["results"][0]["models"]  # whose sha256 is of the day they were made
    for kind in ("reasons", "changes"):
        pairs = zip(shown["results"][0].pop(kind), told["results"][0].pop(kind), strict=True)
        for one, other in pairs:
            assert one.keys() == other.keys()
            for name, value in one.items():
                near = pytest.approx(value, rel=1e-3) if isinstance(value, float) else value
                assert other[name] == near
    assert shown == told


def test_nobody_is_explained_in_process_without_a_limit(scorer):
    body = json.dumps({"records": [{"customer_id": "c"}] * 101}).encode()
    with pytest.raises(RefusalError):
        explain_all(body, scorer, "id")
    loud = json.dumps({"records": [{"customer_id": "c"}] * 101, "explain": True}).encode()
    with pytest.raises(RefusalError):
        answer(loud, scorer, "id")
