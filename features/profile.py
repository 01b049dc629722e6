"""Who a customer is, as it was said at the moment."""

import numpy as np

from contract.columns import ATTRIBUTE
from contract.norms import Norms
from features.assortment import rank_codes
from features.events import Events
from features.sums import Numbers
from features.verbs import by_name, in_unit, or_zero


@in_unit("rank")
def country(attributes: Events, norms: Norms) -> Numbers:
    """Rank of the customer's country among the shop's, 1 the commonest; null without one known."""
    return _rank(attributes, norms, "country")


@in_unit("rank")
def kind(attributes: Events, norms: Norms) -> Numbers:
    """Rank of the customer's kind among the shop's, 1 the commonest; null without one known."""
    return _rank(attributes, norms, "kind")


@in_unit("days")
def days_since_profile_change(attributes: Events) -> Numbers:
    """Days since what is said of the customer last changed; null until the first entry."""
    return attributes.last("days_ago")


@or_zero
@in_unit("changes")
def profile_changes(attributes: Events) -> Numbers:
    """How often what is said of the customer has changed since the first entry."""
    return attributes.count() - (attributes.count() > 0)


@in_unit("days")
def days_known(joined: Events) -> Numbers:
    """Days since the customer joined, as the customers table says; null without a date."""
    return joined.first("days_ago")


@by_name
@in_unit("number, or rank")
def attribute(entries: Events, norms: Norms, name: str) -> Numbers:
    """The shop's own attribute, a text as its rank, 1 the commonest; null without one known."""
    column = f"{ATTRIBUTE}{name}"
    told = getattr(entries, column, None)
    kind = None if told is None else "number" if told.dtype == np.float64 else "text"
    if kind is None or kind != norms.attributes.get(name):
        return entries.last("days_ago") * np.nan
    return entries.last(column) if kind == "number" else _rank(entries, norms, column)


def _rank(attributes: Events, norms: Norms, column: str) -> Numbers:
    codes = attributes.last(column)
    return rank_codes(codes, attributes.names(column), norms.ranks.get(column, {}))
