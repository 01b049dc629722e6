"""What happened between two receipts, in sentences for whoever reads a movement."""

from collections import Counter
from collections.abc import Iterable, Iterator

from features.told import Line
from serving.receipts.kept import Kept
from serving.receipts.packing import Told

HOUR_US, DAY_US = 3_600_000_000, 86_400_000_000


def tell_time(first: Kept, last: Kept) -> str:
    """Return how much time passed."""
    passed = last.as_of_us - first.as_of_us
    if not passed:
        return "No time passed."
    size = abs(passed)
    told = _count(size / DAY_US, "day") if size >= 2 * DAY_US else _count(size / HOUR_US, "hour")
    return f"{told} passed." if passed > 0 else f"The second answer is of {told} earlier."


def tell_model(first: Kept, last: Kept, target: str) -> str:
    """Return which model answered first and last."""
    (old, was), (new, now) = (_find_model(kept, target) for kept in (first, last))
    if was == now:
        return f"The same model, version {old}."
    if old == new:
        return f"Another model under the same version {old}: {was[:8]}, then {now[:8]}."
    return f"Model version {old}, then {new}."


def tell_data(first: Kept, last: Kept) -> str:
    """Return which rows the last answer knows that the first did not, and which no more."""
    came = list(_list_changes(first.told, last.told))
    gone = list(_list_changes(last.told, first.told))
    if not came and not gone:
        return "No row came or went."
    told = [f"New: {', '.join(came)}."] if came else []
    return " ".join([*told, *([f"No longer there: {', '.join(gone)}."] if gone else [])])


def _find_model(kept: Kept, target: str) -> tuple[str, str]:
    return next((version, sha256) for t, version, sha256 in kept.form.models if t == target)


def _list_changes(before: Told, after: Told) -> Iterator[str]:
    """Yield how many of each kind of row there are after, and were not before."""
    lines = _count_lines(after.lines) - _count_lines(before.lines)
    acts = Counter(after.acts) - Counter(before.acts)
    counts = {
        "order": len({line.at_us for line in lines if line.amount > 0}),
        "return": sum(count for line, count in lines.items() if line.amount < 0),
        "contact": acts.total(),
        "entry": sum(entry not in before.entries for entry in after.entries),
    }
    yield from (_count(number, name) for name, number in counts.items() if number)


def _count_lines(lines: Iterable[Line]) -> Counter[Line]:
    # Orders are numbered within a receipt, so that a number says nothing in another.
    return Counter(line._replace(order_id="") for line in lines)


def _count(number: float, name: str) -> str:
    whole = round(number)
    return f"{whole:,} {name if whole == 1 else _MANY.get(name, f'{name}s')}"


_MANY = {"entry": "entries"}
