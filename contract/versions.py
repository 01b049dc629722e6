"""A registered version of a target's model, and what MLflow is told of it."""

from collections.abc import Mapping
from dataclasses import dataclass, field

LONGEST = 5000  # characters that MLflow's column for a description holds
CUT = "\n\n… The whole card is card.md in the model."


@dataclass(frozen=True)
class Version:
    """One registered version of a target's model."""

    target: str
    number: str
    run_id: str


@dataclass(frozen=True)
class Logged:
    """A model that a run has logged, and what its registered version shall say of it."""

    model_id: str
    run_id: str
    meaning: str = ""
    card: str = ""
    tags: Mapping[str, str] = field(default_factory=dict)


def describe_model(target: str, meaning: str) -> str:
    """Return what MLflow's page of a target's model says above its versions."""
    return shorten(
        f"**{target}**: {meaning}\n\n"
        "Patron trains, judges and registers the versions. The alias `champion` names the one that"
        " serves, `challenger` the newest that was not promoted yet, `previous` the one that"
        " `patron rollback` goes back to. The tags `patron.journal.…` record each change of"
        " champion; `patron history` reads them. Each version's description is its model card."
    )


def shorten(text: str) -> str:
    """Return the text, cut at the end of a line if MLflow's database could not hold it."""
    if len(text) <= LONGEST:
        return text
    return text[: LONGEST - len(CUT)].rpartition("\n")[0] + CUT
