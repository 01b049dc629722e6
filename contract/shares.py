"""What each feature adds to the log-odds that a bundle answers by: exact shares that add up."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np

from contract.bundle import Bundle
from contract.choice import USUAL
from contract.forms import Blend
from contract.linear import Logistic, count_terms
from contract.manifest import Eligible
from contract.models import Columns, Model, Numbers, list_once, log_odds
from contract.segments import SEGMENTS, find_segments
from contract.shapley import Usual, split, stand_in
from contract.trees import Boosted


@dataclass(frozen=True)
class Shares:
    """What rows start from, and rows x features: what each feature adds to that."""

    start: Numbers
    names: tuple[str, ...]
    added: Numbers

    @property
    def told(self) -> Numbers:
        """What is told of each row: all of it together."""
        return np.asarray(self.start + self.added.sum(axis=1))


@dataclass(frozen=True)
class Given:
    """Rows of features, what they start from, and what is usual of each feature."""

    columns: Columns
    base: Numbers
    usual: Usual


Parts = dict[str, Numbers]


def share_chance(bundle: Bundle, columns: Columns) -> Shares:
    """Return the shares of the log-odds of each row, in a segment those of the rule that answers.

    Of who the target does not speak of the share among such customers is told, so that the whole
    way there is the doing of the feature by which they are known.
    """
    manifest = bundle.manifest
    silence = columns["days_since_order"]
    prior = np.where(np.isnan(silence), manifest.priors.prospect, manifest.priors.lapsed)
    start = np.full(len(silence), log_odds(manifest.base_rate.share))
    shares = share_model(bundle, columns)
    return speak_of_others(shares, (manifest.eligible, columns), (start, log_odds(prior)))


def speak_of_others(
    shares: Shares, whom: tuple[Eligible, Columns], way: tuple[Numbers, Numbers]
) -> Shares:
    """Return the shares; of others than eligible the feature by which that is known adds it all.

    `way` is what these start from and what is told of them.
    """
    rule, columns = whom
    eligible = rule.holds(columns)
    start, told = way
    names = list_once([*shares.names, rule.feature])
    added = np.zeros((len(eligible), len(names)))
    added[:, : len(shares.names)] = np.where(eligible[:, None], shares.added, 0.0)
    added[~eligible, names.index(rule.feature)] = (told - start)[~eligible]
    return Shares(np.where(eligible, shares.start, start), names, added)


def share_model(bundle: Bundle, columns: Columns) -> Shares:
    """Return the shares of the calibrated log-odds of each row, were it eligible."""
    manifest = bundle.manifest
    rows = len(next(iter(columns.values())))
    told = columns[USUAL] if bundle.shelf else np.full(rows, manifest.base_rate.share)
    given = Given(columns, np.asarray(log_odds(told)), manifest.usual)
    fit = manifest.calibration
    shares = share_form(bundle.model, given)
    start = given.base + fit.intercept + fit.slope * (shares.start - given.base)
    shares = Shares(start, shares.names, fit.slope * shares.added)
    segments = find_segments(columns) if bundle.rules else None
    for name, rule in bundle.rules.items():
        shares = _replace(shares, share_form(rule, given), segments == SEGMENTS.index(name))
    return shares


def share_form(model: Model, given: Given) -> Shares:
    """Return the shares of what a model says of each row, whatever its form."""
    start, parts = _share(model, given)
    names = tuple(parts)
    added = np.stack([parts[n] for n in names], axis=1) if names else np.zeros((len(start), 0))
    return Shares(start, names, added)


def list_compared(model: Model) -> tuple[str, ...]:
    """Return the features of which a model's shares need to know what is usual."""
    if isinstance(model, Blend):
        return list_once([n for member in model.members for n in list_compared(member)])
    return () if isinstance(model, Boosted) else model.inputs


def _share(model: Model, given: Given) -> tuple[Numbers, Parts]:
    """Return what a model says of whom nothing is told, and what each feature adds to that.

    For trees that is their mean, for all else a usual customer.
    """
    if isinstance(model, Blend):
        told = [_share(member, given) for member in model.members]
        starts = zip(model.weights, (start for start, _ in told), strict=True)
        parts = zip(model.weights, (parts for _, parts in told), strict=True)
        return np.asarray(sum(weight * start for weight, start in starts)), _add_up(parts)
    if isinstance(model, Boosted):
        added = model.boughs.share(model.rows(given.columns))
        # XGBoost adds up in single precision: what that rounds off is told with the start.
        start = model.margin(given.columns, given.base) - added.sum(axis=1)
        return start, dict(zip(model.inputs, added.T, strict=True))
    usual = stand_in(given.columns, model.inputs, given.usual) or given.columns
    return model.margin(usual, given.base), _split_form(model, given)


def _split_form(model: Model, given: Given) -> Parts:
    if isinstance(model, Logistic):
        terms = zip(model.coefficients, model.terms, strict=True)
        return _add_up((c, _split(partial(_count, term), term, given)) for c, term in terms)
    return _split(lambda columns: model.margin(columns, given.base), model.inputs, given)


def _count(term: tuple[str, ...], columns: Columns) -> Numbers:
    return np.asarray(count_terms(columns, (term,))[:, 0])


def _split(tell: Callable[[Columns], Numbers], names: Sequence[str], given: Given) -> Parts:
    return split(tell, given.columns, stand_in(given.columns, list_once(names), given.usual))


def _add_up(weighed: Iterable[tuple[float, Parts]]) -> Parts:
    told: Parts = {}
    for weight, parts in weighed:
        for name, part in parts.items():
            told[name] = told.get(name, 0.0) + weight * part
    return told


def _replace(shares: Shares, others: Shares, rows: Any) -> Shares:
    """Return the shares, in some rows those of another model."""
    names = list_once([*shares.names, *others.names])
    added = np.zeros((len(rows), len(names)))
    for found, chosen in ((shares, ~rows), (others, rows)):
        places = [names.index(name) for name in found.names]
        added[np.ix_(chosen, places)] = found.added[chosen]
    return Shares(np.where(rows, others.start, shares.start), names, added)
