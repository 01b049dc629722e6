"""What a person, or a scheduler, is told of a batch."""

from serving.batch.manifest import Manifest, Plan


def tell_plan(plan: Plan, as_json: bool = False) -> str:
    """Return what a batch would do."""
    if as_json:
        return plan.model_dump_json()
    models = ", ".join(f"{model.target} {model.version}" for model in plan.models)
    return f"As of {plan.as_of:%Y-%m-%d %H:%M} UTC, in {plan.parts} parts, {plan.form}: {models}"


def tell_manifest(manifest: Manifest, as_json: bool = False) -> str:
    """Return what became of the customers, and where the rows are."""
    if as_json:
        return manifest.model_dump_json()
    counts = manifest.counts
    told = {"customers in": counts.customers, "answered": counts.answered}
    told |= {"outside --where": counts.outside} if counts.outside else {}
    told |= {f"rejected: {code}": number for code, number in counts.rejected.items()}
    lines = [f"{name:32} {number:>12,}" for name, number in told.items()]
    places = manifest.written
    named = places[0].name if len(places) == 1 else f"{len(places)} files"
    return "\n".join([*lines, f"{manifest.rows:,} rows in {named}"])
