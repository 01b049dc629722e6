"""A report in words, for a person at a terminal: each kind of target in its own figures."""

from collections.abc import Callable, Mapping
from typing import Any

from contract.manifest import Kind
from training.choice.report import tell_choice
from training.report import tell_chance
from training.worth.report import tell_worth

Report = Mapping[str, Any]

TELL: Mapping[Kind, Callable[[Report], str]] = {
    "chance": tell_chance,
    "choice": tell_choice,
    "worth": tell_worth,
}


def tell_report(report: Report) -> str:
    """Return how good each family and baseline is, what was registered, and what the gate found."""
    verdict = "passed" if report["gate"]["passed"] else "refused"
    version = (
        f"grade {report['grade']['letter']}, gate {verdict}; registered:"
        f" patron-{report['target']} version {report['version']}, challenger"
    )
    failed = [c for c in report["gate"]["checks"] if not c["passed"]]
    reasons = [f"  {c['name']}: {c['found']}; {c['wanted']}" for c in failed]
    return "\n".join([TELL[report["kind"]](report), version, *reasons])
