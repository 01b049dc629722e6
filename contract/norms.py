"""What is usual in a shop as of a moment: what one customer's rows alone cannot tell."""

from collections.abc import Mapping
from datetime import datetime
from functools import cached_property

from pydantic import BaseModel, ConfigDict

from contract.columns import AttributeKind


class _Said(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Repeating(_Said):
    """How orders come and customers leave: the BG/NBD model's parameters, in weeks.

    Fader, Hardie & Lee (2005), "Counting your customers" the easy way, Marketing Science 24(2).
    """

    r: float
    alpha: float
    a: float
    b: float


class Spending(_Said):
    """How money per order differs between customers: the Gamma-Gamma model's parameters.

    Fader & Hardie (2013), The Gamma-Gamma model of monetary value, brucehardie.com/notes/025.
    """

    p: float
    q: float
    gamma: float


class Product(_Said):
    """What a product is; taken as true of it at all times."""

    category: str | None = None
    cost: float | None = None


class Norms(_Said):
    """What is usual in the shop, learned from what happened before `as_of` and nothing after.

    `vocabulary` has the values of each category-valued column, the commonest first; `prices` the
    mean price of a piece in each category; `products` what each product is; `non_goods` are
    ids of what is sold beside goods, such as postage, whose lines do not count; `attributes` are
    the shop's own attributes of customers, each with its kind.
    """

    as_of: datetime
    timezone: str = "UTC"
    non_goods: tuple[str, ...] = ()
    attributes: Mapping[str, AttributeKind] = {}
    vocabulary: Mapping[str, tuple[str, ...]] = {}
    prices: Mapping[str, float] = {}
    products: Mapping[str, Product] = {}
    repeating: Repeating | None = None
    spending: Spending | None = None

    @cached_property
    def ranks(self) -> dict[str, dict[str, int]]:
        """The place of each value in its vocabulary, 0 the commonest."""
        return {name: {v: i for i, v in enumerate(vs)} for name, vs in self.vocabulary.items()}
