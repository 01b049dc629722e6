"""A part of a job: customers scored as POST /v1/scores scores them, and told as it tells them."""

from collections.abc import Sequence
from typing import Any, NamedTuple

from serving.jobs.asked import Asked
from serving.jobs.people import People
from serving.reasons.explain import Told
from serving.receipts.issue import Issued
from serving.receipts.kept import Filed
from serving.routes.questions import Question
from serving.routes.records import Failed
from serving.routes.scores import tell_scores
from serving.routes.stored import AWAY
from serving.routes.together import Asking, Keep, score_joined
from serving.scorer import Scorer
from serving.store.opened import StoreError


class Answered(NamedTuple):
    """What is told of customers, by id: the outcome and the JSON; and the receipts for it."""

    told: dict[str, tuple[str, str]]
    filed: list[Filed]


class _Tray:
    """Takes receipts, to be kept before the answers are told."""

    def __init__(self) -> None:
        self.filed: list[Filed] = []

    def file(self, issued: Issued, rows: Sequence[dict[str, Any]]) -> None:
        """Take the receipts and the flat rows answered."""
        self.filed.append((issued, rows))


def answer_part(scorer: Scorer, people: People, asked: Asked, ids: Sequence[str]) -> Answered:
    """Return the answers on these customers; raise StoreError where the store did not tell all."""
    records = [people.tell(who) for who in ids]
    joined = people.join({str(i): record for i, record in enumerate(records)})
    if joined.failed or AWAY in joined.warnings.values():
        raise StoreError("The store does not answer.", "The part is tried again.")
    tray = _Tray()
    targets = tuple(asked.targets or scorer.bundles)
    asking = Asking(scorer, Keep(None, tray), records, targets, asked.as_of)
    question = Question.model_construct(records=records, explain=asked.reasons > 0)
    (scoring,) = score_joined([asking], joined)
    told = Told(asked.language, asked.reasons)
    scores = tell_scores(question, asking, scoring, ("", told))
    return Answered(
        {
            who: ("failed" if isinstance(one, Failed) else "succeeded",
                  one.model_dump_json(exclude_none=True))
            for who, one in zip(ids, scores.results, strict=True)
        },
        tray.filed,
    )  # fmt: skip
