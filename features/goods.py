"""What is known of the products that were sold."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from contract.norms import Product
from features.sums import Array

UNKNOWN = Product()


@dataclass(frozen=True)
class Goods:
    """What is known of each product, by its code; -1 and NaN where it is not known.

    Categories are in the order of their names, so that a code compares alike in every history.
    """

    categories: tuple[str, ...]
    category: Array
    cost: Array


def describe_goods(names: tuple[str, ...], products: Mapping[str, Product]) -> Goods:
    """Return what is known of the named products."""
    found = [products.get(name, UNKNOWN) for name in names]
    categories = tuple(sorted({p.category for p in found if p.category is not None}))
    places = {name: i for i, name in enumerate(categories)}
    return Goods(
        categories=categories,
        category=np.array([places.get(p.category or "", -1) for p in found], dtype=np.int32),
        cost=np.array([np.nan if p.cost is None else p.cost for p in found]),
    )


def list_goods(goods: Goods, names: tuple[str, ...], sold: Array) -> dict[str, Product]:
    """Return what is known of each product of which a code was sold."""
    codes = np.unique(sold[sold >= 0])
    categories = (*goods.categories, None)
    told = zip(codes, goods.category[codes].tolist(), goods.cost[codes].tolist(), strict=True)
    return {
        names[code]: Product(category=categories[category], cost=None if cost != cost else cost)
        for code, category, cost in told
        if category >= 0 or cost == cost
    }
