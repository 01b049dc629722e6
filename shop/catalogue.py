"""The catalogue of the shop: products by category, from cheap to dear."""

from dataclasses import dataclass

import numpy as np

from .arrays import Floats, Ints
from .constants import PLANTED

CATALOGUE_STREAM = 2**32 - 1
"""Numbers the random stream of the catalogue, beyond any chunk of customers."""


@dataclass(frozen=True)
class Goods:
    """The category, brand, price and cost of each product, by position."""

    category: Ints
    brand: Ints
    price: Floats
    cost: Floats


def draw_goods(seed: int) -> Goods:
    """The products of the shop, sorted by category and within it by price."""
    rng = np.random.default_rng([seed, CATALOGUE_STREAM])
    planted = PLANTED.catalogue
    size = (len(planted.categories), planted.per_category)
    price = np.array(planted.prices)[:, None] * rng.lognormal(0.0, planted.price_spread, size)
    price = np.sort(np.maximum(np.round(price) - 0.05, 0.95), axis=1).ravel()
    return Goods(
        category=np.repeat(np.arange(size[0]), size[1]),
        brand=rng.integers(len(planted.brands), size=len(price)),
        price=price,
        cost=np.round(price * rng.uniform(*planted.cost_share, len(price)), 2),
    )
