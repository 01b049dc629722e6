"""What a challenger that ranks is held against: the champion, and a future that was changed."""

import numpy as np
import pandas as pd

from contract.bundle import Bundle
from contract.choice import Shelf
from contract.models import Numbers
from contract.moments import as_micros
from contract.norms import Norms
from features.choosing import tell_choices
from features.compute import compute
from features.history import History
from features.leaks import AFTER, CUSTOMERS, put_rows
from features.shelves import take_stock
from training.choice.choices import Source, take_choices
from training.choice.gate import Rival
from training.choice.judging import Judged
from training.gate import Check
from training.rankings import NOT_SHOWN
from training.targets import Target


def find_rival(source: Source, judged: Judged, champions: tuple[Bundle, ...]) -> Rival | None:
    """Return what the champion says of the judged customers, if it answers the same question.

    The one as it serves is held against the challenger if what it learned from had closed by the
    judged moment; else the one as it was judged.
    """
    moment, shelf = judged.choices.moment, judged.choices.shelf
    same = shelf.offer, shelf.of
    fitting = [b for b in champions if b.shelf and (b.shelf.offer, b.shelf.of) == same]
    fitting = [b for b in fitting if b.manifest.as_of <= moment]
    fitting = [b for b in fitting if b.manifest.horizon_days == judged.horizon]
    if not fitting:
        return None
    bundle = max(fitting, key=lambda b: b.manifest.as_of)
    told = _align(_ask(bundle, source[0], judged), bundle, shelf)
    return Rival(bundle.version, np.where(judged.choices.held, told, NOT_SHOWN))


def _ask(bundle: Bundle, history: History, judged: Judged) -> Numbers:
    """Return what the champion says of the judged customers, on its own shelf."""
    moment = judged.choices.moment
    seen = history.before(as_micros(moment)).assume(bundle.norms.products)
    customers = compute(seen, {moment: bundle.norms}, bundle.reads)
    known = seen.choose(seen.known(as_micros(moment)))
    told = tell_choices(bundle, known, as_micros(moment), customers.columns)
    by_customer = pd.Series(np.arange(len(told)), index=customers.ids.to_pandas())
    return np.asarray(told[by_customer.loc[judged.choices.ids].to_numpy()])


def _align(told: Numbers, bundle: Bundle, shelf: Shelf) -> Numbers:
    """Return what is told of each category of another shelf, NOT_SHOWN where it was not on ours."""
    assert bundle.shelf is not None
    theirs = {name: place for place, name in enumerate(bundle.shelf.names)}
    beside = np.column_stack([told, np.full(len(told), NOT_SHOWN)])
    return beside[:, [theirs.get(name, -1) for name in shelf.names]]


def check_future(source: Source, target: Target, norms: Norms) -> Check:
    """Return whether pairs stay the same to the last bit with the future changed."""
    history, at_us = source[0].sample(CUSTOMERS), as_micros(norms.as_of)
    usual = take_choices((history, take_stock(history, source[1].of)), target, norms)
    changed = set()
    for shift in AFTER.values():
        put = put_rows(history, at_us + shift)
        again = take_choices((put, take_stock(put, source[1].of)), target, norms)
        changed |= {
            name
            for name, column in usual.columns.items()
            if not np.array_equal(column, again.columns[name], equal_nan=True)
        }
    found = f"{len(changed)} features of pairs change with the future"
    found += f": {', '.join(sorted(changed)[:5])}" if changed else ""
    return Check("poisoned future", not changed, found,
                 "nothing at or after a moment may reach a feature")  # fmt: skip
