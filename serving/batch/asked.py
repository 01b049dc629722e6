"""What a batch is asked for."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from contract.errors import PatronError
from serving.reasons.words import Language
from serving.scorer import Scorer


class AskedError(PatronError):
    """What a batch is asked for cannot be answered."""

    code = "asked"


@dataclass(frozen=True)
class Asked:
    """The moment, the targets, and the form of a batch's rows.

    No `targets` are all; `reasons` so many of each target, or of each part of a lifetime value;
    `where` says in SQL who is answered for; `long` is a row per target instead of one for all.
    """

    as_of: datetime
    targets: tuple[str, ...] = ()
    reasons: int = 0
    language: Language = "en"
    where: str = ""
    long: bool = False


def choose_targets(scorer: Scorer, names: Iterable[str]) -> tuple[str, ...]:
    """Return the targets of those names, all if none is told; one without a model is refused."""
    asked = tuple(dict.fromkeys(names))
    unknown = [name for name in asked if name not in scorer.bundles]
    if unknown:
        raise AskedError(
            f"No model answers {', '.join(unknown)}.",
            f"There are models of {', '.join(scorer.bundles)}.",
        )
    return asked
