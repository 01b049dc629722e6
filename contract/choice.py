"""Which categories may be shown to a customer, and what is usual of each in the shop."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Literal

import numpy as np
from pydantic import BaseModel, ConfigDict, Field, model_validator

from contract.models import Numbers

Flags = np.ndarray[Any, np.dtype[np.bool_]]
Places = np.ndarray[Any, np.dtype[np.intp]]

YEAR = 365
USUAL = "usual_share"  # the pair feature from whose log-odds on a model speaks


class _Said(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Offer(_Said):
    """The switches of a target that ranks categories, frozen when it is trained.

    Unless `repeats`, only what the customer has not bought for `look_back_days` is a candidate;
    `only` are the categories to choose from, all where none is named.
    """

    repeats: bool = False
    look_back_days: int = Field(YEAR, ge=1)
    only: tuple[str, ...] = ()


class Shelf(_Said):
    """The categories a shop sells as of a moment, and what was usual of each before it.

    `of` says what a category is: that of the products table, or a product where it has none.
    `usual` is the share of active candidates who bought it within a horizon, `lapsed` and
    `prospect` those of the others; `popular` the share of active customers who bought it within a
    year, `recent` within the last horizon; `season` how much more was sold of it a year ago over
    the horizon that now lies ahead, beside the one before and all categories. `lift` is by how much
    buying one makes the other commoner, `pull` the weights of a regression of each on the others.
    """

    offer: Offer
    of: Literal["category", "product"]
    names: tuple[str, ...]
    usual: tuple[float, ...]
    lapsed: tuple[float, ...]
    prospect: tuple[float, ...]
    popular: tuple[float, ...]
    recent: tuple[float, ...]
    season: tuple[float, ...]
    lift: tuple[tuple[float, ...], ...]
    pull: tuple[tuple[float, ...], ...]

    @model_validator(mode="after")
    def _is_whole(self) -> "Shelf":
        each = (self.usual, self.lapsed, self.prospect, self.popular, self.recent, self.season)
        rows = (*self.lift, *self.pull)
        if any(len(told) != len(self.names) for told in (*each, self.lift, self.pull, *rows)):
            raise ValueError("a shelf says one thing of each category")
        return self

    def tell(self, fact: str) -> Numbers:
        """Return one of its facts as an array, a place per category."""
        return self._arrays.facts[fact]

    @property
    def offered(self) -> Flags:
        """Whether each category may be shown at all."""
        return self._arrays.offered

    @cached_property
    def _arrays(self) -> "_Arrays":
        told = ("usual", "lapsed", "prospect", "popular", "recent", "season", "lift", "pull")
        only = self.offer.only
        return _Arrays(
            {name: np.array(getattr(self, name), dtype=np.float64) for name in told},
            np.array([not only or name in only for name in self.names], dtype=np.bool_),
        )


@dataclass(frozen=True, eq=False)  # by identity, so that shelves are compared by what they say
class _Arrays:
    facts: Mapping[str, Numbers]
    offered: Flags


def pick_best(told: Numbers, most: int) -> Places:
    """Return for each customer the places of the best categories, the best first.

    Of equals the one that more have bought comes first. Places are -1 where none is left; what is
    not to be shown is told as -inf.
    """
    order = np.argsort(-told, axis=1, kind="stable")[:, :most]
    shown = np.take_along_axis(told, order, axis=1) > -np.inf
    return np.asarray(np.where(shown, order, -1))
