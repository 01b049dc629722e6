"""What a record tells that no model has seen, and what it leaves out."""

from collections.abc import Mapping
from typing import Any

from contract.columns import ATTRIBUTE
from contract.norms import Norms
from serving.routes.kept import Marks
from serving.routes.records import Record


def find_strange(record: Record, norms: Norms, kept: Marks | None = None) -> tuple[str, ...]:
    """Return a warning for each kind of thing that no model has seen, or that is not told.

    `kept` speaks of the rows of a record that are in the store alone.
    """
    unseen, missing = kept[1:] if kept else _look_at_products(record, norms)
    told: dict[str, Any] = {"country": record.country, "kind": record.kind}
    told |= {f"{ATTRIBUTE}{name}": own for name, own in record.use(norms.attributes).items()}
    words = [name for name, word in told.items() if _is_unseen(word, norms.ranks.get(name, {}))]
    marks = {
        "unseen_product": unseen,
        "unseen_country": "country" in words,
        "unseen_kind": "kind" in words,
        "unseen_attribute": any(name.startswith(ATTRIBUTE) for name in words),
        "missing_product": missing,
    }
    return tuple(name for name, marked in marks.items() if marked)


def _look_at_products(record: Record, norms: Norms) -> tuple[bool, bool]:
    """Return whether products were bought that no model has seen, and some that are not told."""
    if not norms.products:
        return False, False
    products = {line.product_id or None for line in record.transactions}
    known: set[str | None] = {None, *norms.non_goods}
    return any(p not in norms.products for p in products - known), None in products


def _is_unseen(word: Any, known: Mapping[str, int]) -> bool:
    return bool(known) and isinstance(word, str) and word != "" and word not in known
