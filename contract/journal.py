"""Which version was champion from when to when, and why: records that MLflow keeps as tags.

Each record is a tag of its own on the registered model, so that writers at the same time add beside
each other and none overwrites another's. Times are UTC, of the clock of the machine that wrote.
"""

import json
import secrets
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Literal

from pydantic import TypeAdapter, ValidationError

from contract.errors import RegistryError

KEY = "patron.journal."
PASSED, REFUSED = "passed", "refused"  # what a gate decides
LONGEST = 5000  # characters that MLflow's column for a registered model's tag holds

How = Literal["promoted", "rolled_back", "set_by_others"]


@dataclass(frozen=True)
class Decision:
    """What was found when a version was judged fit, or not, to be promoted."""

    target: str
    version: str
    verdict: str
    reasons: tuple[str, ...]
    at: datetime


@dataclass(frozen=True)
class Entry:
    """One change of champion, as it was recorded when it was made."""

    version: str
    how: How
    at: datetime
    reason: str = ""
    decision: Decision | None = None


@dataclass(frozen=True)
class Term:
    """One version's time as champion; `since` is unknown where somebody else set the alias."""

    target: str
    version: str
    how: How
    since: datetime | None
    until: datetime | None
    serves: bool
    reason: str = ""
    decision: Decision | None = None


ENTRY = TypeAdapter(Entry)
TERMS = TypeAdapter(list[Term])


def write_decision(passed: bool, reasons: Sequence[str]) -> dict[str, str]:
    """Return the tags of a version that say what the gate decided of it, and why."""
    told = json.dumps(list(reasons))
    if len(told) > LONGEST:
        told = json.dumps([f"{len(reasons)} checks are not passed; see the gate in report.json"])
    at = datetime.now(UTC).isoformat(timespec="seconds")
    return {"gate": PASSED if passed else REFUSED, "gate_reasons": told, "gate_at": at}


def read_decision(target: str, version: str, tags: Mapping[str, str]) -> Decision | None:
    """Return the decision that a version's tags tell of, None if they tell of none."""
    if "gate" not in tags:
        return None
    reasons = tuple(json.loads(tags.get("gate_reasons", "[]")))
    at = datetime.fromisoformat(tags["gate_at"])
    return Decision(target, version, tags["gate"], reasons, at)


def write_entry(entry: Entry) -> tuple[str, str]:
    """Return the name and the value of the tag that records the entry; no two names are equal."""
    text = ENTRY.dump_json(entry, exclude_defaults=True).decode()
    if len(text) > LONGEST:
        raise RegistryError(
            f"The record of why would have {len(text):,} characters; MLflow keeps {LONGEST:,}.",
            "Give fewer or shorter reasons.",
        )
    return f"{KEY}{entry.at:%Y%m%dT%H%M%S.%fZ}.{secrets.token_hex(4)}", text


def write_promotion(target: str, version: str, why: tuple[str, Decision | None]) -> tuple[str, str]:
    """Return the tag that records a promotion now; refuse a decision on any other version."""
    reason, decision = why
    if decision and (decision.target, decision.version) != (target, version):
        raise RegistryError(
            f"The verdict is on version {decision.version} of {decision.target}; to be promoted is"
            f" version {version} of {target}.",
            "Judge the challenger, then promote.",
        )
    return write_entry(Entry(version, "promoted", datetime.now(UTC), reason, decision))


def read_entries(tags: Mapping[str, str]) -> list[Entry]:
    """Return the entries among a registered model's tags, the oldest first."""
    return [_read(key, tags[key]) for key in sorted(tags) if key.startswith(KEY)]


def _read(key: str, text: str) -> Entry:
    try:
        return ENTRY.validate_json(text)
    except ValidationError as error:
        raise RegistryError(f"The tag {key} is no record.", "Delete it in MLflow.") from error


def tell_terms(target: str, entries: Sequence[Entry], champion: str | None) -> list[Term]:
    """Return the terms of every champion, the oldest first; `champion` is who is one now."""
    ends = [*(e.at for e in entries[1:]), None]
    terms = [
        Term(target, e.version, e.how, e.at, end, end is None and e.version == champion,
             e.reason, e.decision)
        for e, end in zip(entries, ends, strict=False)
    ]  # fmt: skip
    if champion is not None and not any(term.serves for term in terms):
        terms.append(Term(target, champion, "set_by_others", None, None, True))
    return terms


def find_earlier(entries: Iterable[Entry]) -> str | None:
    """Return the version to go back to: who was promoted before the one that is champion now."""
    standing: list[str] = []
    for entry in entries:
        if entry.version in standing:  # back to it, over all that came after
            del standing[standing.index(entry.version) + 1 :]
        elif entry.how == "promoted":
            standing.append(entry.version)
        else:  # back to what was promoted without a record
            standing = [entry.version]
    return standing[-2] if len(standing) > 1 else None


def as_json(terms: list[Term]) -> Any:
    """Return the terms as JSON says them."""
    return TERMS.dump_python(terms, mode="json")


def tell_history(terms: Sequence[Term]) -> str:
    """Return the terms of one target as a table, a line per term."""
    if not terms:
        return "No version has been promoted."
    lines = [f"{'version':9}{'from':25}{'to':25}why"]
    for t in terms:
        until = "now" if t.serves else _tell_time(t.until)
        lines.append(f"{t.version:9}{_tell_time(t.since):25}{until:25}{_tell_why(t)}")
    return "\n".join(lines)


def _tell_time(at: datetime | None) -> str:
    return f"{at:%Y-%m-%d %H:%M:%S} UTC" if at else "unknown"


def _tell_why(term: Term) -> str:
    how = {"rolled_back": "rolled back", "set_by_others": "set outside Patron"}
    said = [how.get(term.how, term.how)]
    if term.decision:
        said.append(f"gate: {', '.join([term.decision.verdict, *term.decision.reasons])}")
    return "; ".join([*said, term.reason] if term.reason else said)
