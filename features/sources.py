"""What features speak of, made of a history's rows."""

from collections.abc import Callable, Mapping

import numpy as np

from contract.columns import ATTRIBUTE, LARGEST
from features.alone import Alone
from features.events import Events
from features.history import ALWAYS, NEVER, History
from features.lines import make_lines
from features.orders import make_orders
from features.rows import find_named
from features.sums import Whole, add_up, as_millionths
from features.tables import Table
from features.timeline import DAY_US, Source

ANSWER_DAYS = 7


def make_returns(history: History) -> Source:
    """Return a row per returned or cancelled line: amount (> 0)."""
    lines = history.lines
    returned = lines["amount"] < 0
    amount = as_millionths(-lines["amount"][returned])
    return Source(add_up(returned)(lines.bounds), lines["at_us"][returned], {"amount": amount})


def make_interactions(history: History) -> Source:
    """Return a row per interaction: kind, channel, value, and whether the shop acted."""
    acts = history.acts
    columns = {name: acts[name] for name in ("kind", "channel", "value", "company")}
    codes = {"kind": history.names["act_kind"], "channel": history.names["channel"]}
    return Source(acts.bounds, acts["at_us"], columns, codes)


def make_answers(history: History) -> Source:
    """Return a row per campaign that the customer answered by an act of theirs within 7 days.

    It stands at the time of the answer, so that none is known before it came.
    """
    acts = history.acts
    at_us, ends = acts["at_us"], acts.bounds[1:]
    sent = acts["company"] & find_named(acts["kind"], history.names["act_kind"], CAMPAIGNS)
    (places,) = np.nonzero(sent)
    (own,) = np.nonzero(~acts["company"])
    # The first own act from each campaign's instant on: whoever acts at that instant answers it.
    instants = _find_instants(acts)
    instant = instants[np.searchsorted(instants, places, side="right") - 1]
    own = np.append(own, len(acts))[np.searchsorted(own, instant)]
    whose = np.searchsorted(ends, places, side="right")
    answered = own < ends[whose]
    answer_us, sent_us = at_us[own[answered]], at_us[places[answered]]
    soon = answer_us - sent_us <= ANSWER_DAYS * DAY_US
    counts = np.bincount(whose[answered][soon], minlength=len(ends))
    return Source(np.append(0, np.cumsum(counts)), answer_us[soon], {})


def _find_instants(acts: Table) -> Whole:
    """Return the first row of each instant of each customer."""
    at_us = acts["at_us"]
    new = np.ones(len(acts) + 1, dtype=bool)  # one more, where customers without acts may end
    new[1:-1] = at_us[1:] != at_us[:-1]
    new[acts.bounds] = True
    return np.nonzero(new)[0]


def make_troubles(history: History) -> Source:
    """Return a row per complaint, ticket or closing: how many are open then.

    A closing settles what was raised before it, and is nothing where all is settled.
    """
    acts, kinds = history.acts, history.names["act_kind"]
    kept = find_named(acts["kind"], kinds, COMPLAINTS + SETTLED)
    bounds, at_us = add_up(kept)(acts.bounds), acts["at_us"][kept]
    raised = find_named(acts["kind"][kept], kinds, COMPLAINTS)
    owner = np.arange(len(bounds) - 1).repeat(bounds[1:] - bounds[:-1])
    # What is raised and closed at one instant is closed: complaints come first.
    order = np.lexsort((~raised, at_us, owner))
    balance = np.where(raised[order], 1, -1).cumsum()
    balance -= np.concatenate([[0], balance])[bounds[:-1]][owner]
    # Each customer's lowest balance so far: those after start lower than any before could reach.
    below = owner * (2 * len(owner) + 1)
    lowest = np.minimum.accumulate(np.minimum(balance, 0) - below) + below
    return Source(bounds, at_us, {"open": (balance - lowest).astype(np.float64)})


def make_attributes(history: History) -> Source:
    """Return a row per change of what is said of a customer: country, kind."""
    listed = history.listed
    codes = {name: history.names[name] for name in ("country", "kind")}
    changed = np.zeros(len(listed), dtype=bool)
    for name in codes:
        changed[1:] |= listed[name][1:] != listed[name][:-1]
    changed[listed.bounds[:-1][listed.bounds[1:] > listed.bounds[:-1]]] = True
    columns = {name: listed[name][changed] for name in codes}
    bounds = add_up(changed)(listed.bounds)
    return Source(bounds, listed["at_us"][changed], columns, codes)


def make_entries(history: History) -> Source:
    """Return a row per dated entry of the customers table: the shop's own attributes."""
    listed = history.listed
    own = {name: listed[name] for name in listed.columns if name.startswith(ATTRIBUTE)}
    codes = {name: history.names[name] for name in own if name in history.names}
    numbers = own.keys() - codes.keys()
    own |= {n: np.where(np.abs(own[n]) <= LARGEST, own[n], np.nan) for n in numbers}
    return Source(listed.bounds, listed["at_us"], own, codes)


def make_joined(history: History) -> Source:
    """Return a row per customer of whom it is said when they joined."""
    since = history.since_us
    dated = (since != NEVER) & (since != ALWAYS)
    return Source(add_up(dated)(np.arange(len(dated) + 1)), since[dated], {})


CAMPAIGNS = ("campaign", "campaign_received")
COMPLAINTS = ("complaint", "support_ticket")
SETTLED = ("complaint_closed", "complaint_resolved", "ticket_closed", "ticket_resolved", "resolved")

SOURCES: Mapping[str, Callable[[History], Source]] = {
    "orders": make_orders,
    "returns": make_returns,
    "lines": make_lines,
    "interactions": make_interactions,
    "answers": make_answers,
    "troubles": make_troubles,
    "attributes": make_attributes,
    "entries": make_entries,
    "joined": make_joined,
}


class Shop:
    """The sources of one history, each made when it is first asked for."""

    def __init__(self, history: History) -> None:
        self.history = history
        self._made: dict[str, Source] = {}
        self._past: dict[str, Events] = {}
        self._as_of_us: int | None = None

    def source(self, name: str) -> Source:
        """Return the source of that name."""
        if name not in self._made:
            self._made[name] = SOURCES[name](self.history)
        return self._made[name]

    def past(self, name: str, as_of_us: int) -> Events:
        """Return the source's events strictly before the moment; those of the last are kept."""
        if as_of_us != self._as_of_us:
            self._past, self._as_of_us = {}, as_of_us
        if name not in self._past:
            self._past[name] = Events(self.source(name).see(as_of_us), as_of_us)
        return self._past[name]

    def alone(self, name: str, as_of_us: int) -> Alone:
        """Return the past events of a shop's only customer."""
        rows = self.source(name).past(as_of_us)
        return Alone(rows, 0, int(rows.bounds[1]))

    def ahead(self, name: str, as_of_us: int, days: int) -> Events:
        """Return the source's events within so many days from the moment on."""
        return Events(self.source(name).ahead(as_of_us, days))
