"""Stored answers that will do in place of new ones."""

import json
from collections.abc import Iterable

from serving.routes.questions import Question
from serving.scorer import Scorer
from serving.store.answers import find_whole
from serving.store.opened import Store, StoreError, now_us

ALONE = {"record_id", "customer_id"}  # a record that tells no more may have a stored answer


def find_stored_answers(
    question: Question, targets: Iterable[str], scorer: Scorer, store: Store | None
) -> dict[int, str]:
    """Return by the record's place each stored answer that is new enough, as JSON."""
    places = [i for i, r in enumerate(question.records) if r.model_fields_set <= ALONE]
    new = question.as_of is not None or question.explain  # which no stored answer can be
    if store is None or question.max_age_s is None or new or not places:
        return {}
    ids = [question.records[i].customer_id for i in places]
    try:
        with store.read() as connection:
            found = find_whole(connection, ids, now_us() - question.max_age_s * 1_000_000)
    except StoreError:
        return {}  # who is scored anew is told what is the matter
    unwanted = set(scorer.bundles) - set(targets)
    told = {}
    for i, who in zip(places, ids, strict=True):
        if who in found:
            named = json.dumps(question.records[i].record_id or str(i), ensure_ascii=False)
            told[i] = f'{{"record_id":{named},{_leave_out(found[who], unwanted)[1:]}'
    return told


def _leave_out(whole: str, unwanted: set[str]) -> str:
    """Return the answer without the targets that were not asked for."""
    if not unwanted:
        return whole
    told = {name: part for name, part in json.loads(whole).items() if name not in unwanted}
    own = {name: part for name, part in told.pop("own", {}).items() if name not in unwanted}
    told |= {"own": own} if own else {}
    told["models"] = [model for model in told["models"] if model["target"] not in unwanted]
    return json.dumps(told, separators=(",", ":"), ensure_ascii=False)
