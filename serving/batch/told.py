"""What a person, or a scheduler, is told of a batch."""

import json
from collections.abc import Mapping
from datetime import datetime

from serving.batch.manifest import Counts, Manifest, Plan


def tell_plan(plan: Plan, around: tuple[Mapping[str, int], str], as_json: bool = False) -> str:
    """Return what a batch would do; `around` are the rows of each source, and where it goes."""
    rows, place = around
    if as_json:
        told = plan.model_dump(mode="json") | {"table_rows": dict(rows), "out": place}
        return json.dumps(told)
    models = ", ".join(f"{model.target} {model.version}" for model in plan.models)
    lines = [f"As of {plan.as_of:%Y-%m-%d %H:%M} UTC, in {plan.parts} parts, {plan.form}: {models}"]
    lines += [_tell_count(f"rows of {name}", number) for name, number in rows.items()]
    return "\n".join([*lines, f"To {place}"])


def tell_manifest(manifest: Manifest, place: str, as_json: bool = False) -> str:
    """Return what became of the customers, and where the rows are."""
    if as_json:
        return manifest.model_dump_json()
    return "\n".join([*_tell_counts(manifest.counts), f"{manifest.rows:,} rows in {place}"])


def tell_refreshed(counts: Mapping[str, int], as_of: datetime, as_json: bool = False) -> str:
    """Return what became of the customers of the store, in a batch's words."""
    answered, rejected = counts["succeeded"], counts["failed"]
    told = Counts(
        customers=answered + rejected,
        answered=answered,
        rejected={"no_answer": rejected} if rejected else {},
    )
    if as_json:
        return json.dumps({"as_of": as_of.isoformat(), "counts": told.model_dump(mode="json")})
    return "\n".join([*_tell_counts(told), f"{answered:,} answers in the store"])


def _tell_counts(counts: Counts) -> list[str]:
    told = {"customers in": counts.customers, "answered": counts.answered}
    told |= {"outside --where": counts.outside} if counts.outside else {}
    told |= {f"rejected: {code}": number for code, number in counts.rejected.items()}
    return [_tell_count(name, number) for name, number in told.items()]


def _tell_count(name: str, number: int) -> str:
    return f"{name:32} {number:>12,}"
