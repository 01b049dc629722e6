"""What customers and the shop do besides ordering: visits, mail, complaints and campaigns."""

from dataclasses import dataclass, fields

import numpy as np

from .arrays import Floats, Ints, owners
from .clock import Clocks, read_clock, turn_back
from .constants import PLANTED
from .orders import Orders
from .people import People

KINDS = ("visit", "email_open", "email_click", "complaint", "support_ticket", "campaign")
CHANNELS = ("web", "app", "email", "phone")
VISIT, OPEN, CLICK, COMPLAINT, TICKET, CAMPAIGN = range(len(KINDS))
WEB, APP, EMAIL, PHONE = range(len(CHANNELS))


@dataclass(frozen=True)
class Interactions:
    """The customer (by position), time, kind, channel and value of each interaction."""

    customer: Ints
    at: Floats
    kind: Ints
    channel: Ints
    value: Floats


def draw_interactions(
    rng: np.random.Generator, people: People, clocks: Clocks, orders: Orders, campaigns: Floats
) -> list[Interactions]:
    """All interactions, kind by kind, also those outside the history."""
    return [
        draw_visits(rng, people, clocks),
        draw_order_visits(rng, orders),
        *draw_mail(rng, people, clocks),
        draw_complaints(rng, people, clocks),
        draw_tickets(rng, people, clocks),
        *(send_campaign(rng, people, number, window) for number, window in enumerate(campaigns)),
    ]


def arrange(parts: list[Interactions], people: People, clocks: Clocks) -> Interactions:
    """The interactions within the history, in order of customer and time."""
    both = {
        part.name: np.concatenate([getattr(one, part.name) for one in parts])
        for part in fields(Interactions)
    }
    within = (both["at"] >= people.since[both["customer"]]) & (both["at"] < clocks.ends)
    kept = np.flatnonzero(within)
    rows = kept[np.lexsort((both["at"][kept], both["customer"][kept]))]
    return Interactions(**{name: column[rows] for name, column in both.items()})


def note(
    customer: Ints, at: Floats, kind: int, channel: int | Ints, value: Floats | float
) -> Interactions:
    """Interactions of one kind."""
    size = len(customer)
    return Interactions(
        customer=customer,
        at=at,
        kind=np.full(size, kind, dtype=np.int64),
        channel=np.broadcast_to(np.asarray(channel, dtype=np.int64), size),
        value=np.broadcast_to(np.asarray(value, dtype=np.float64), size),
    )


def scatter(
    rng: np.random.Generator, people: People, clocks: Clocks, rate: Floats, until: Floats
) -> tuple[Ints, Floats]:
    """The owner and time of Poisson events between `since` and `until`, in busy hours."""
    row = people.habit * len(PLANTED.campaigns.lifts)
    opens = read_clock(clocks, row, people.since)
    length = read_clock(clocks, row, np.minimum(until, clocks.ends)) - opens
    owner = owners(rng.poisson(np.maximum(rate * length, 0.0)))
    shown = opens[owner] + rng.random(len(owner)) * length[owner]
    return owner, turn_back(clocks, row[owner], shown)


def draw_visits(rng: np.random.Generator, people: People, clocks: Clocks) -> Interactions:
    """Visits without an order in view, which dwindle before a customer leaves."""
    talk, leaving = PLANTED.talk, PLANTED.leaving
    rate = talk.visit_base + talk.visit_by_rate * people.rate
    owner, at = scatter(rng, people, clocks, rate, people.left)
    interest = np.clip((people.left[owner] - at) / leaving.dwindle_days, leaving.dwindle_floor, 1.0)
    kept = rng.random(len(owner)) < interest
    return describe_visits(rng, owner[kept], at[kept])


def draw_order_visits(rng: np.random.Generator, orders: Orders) -> Interactions:
    """Visits in the days before an order, also before orders that come after the end."""
    owner = owners(rng.poisson(PLANTED.talk.visits_before_order, len(orders.customer)))
    at = orders.at[owner] - rng.random(len(owner)) * PLANTED.talk.visit_lead_days
    return describe_visits(rng, orders.customer[owner], at)


def describe_visits(rng: np.random.Generator, customer: Ints, at: Floats) -> Interactions:
    """Visits at the given times, valued at the pages seen."""
    channel = np.where(rng.random(len(at)) < 0.7, WEB, APP)
    pages = 1 + rng.poisson(PLANTED.talk.pages, len(at))
    return note(customer, at, VISIT, channel, pages.astype(np.float64))


def draw_mail(
    rng: np.random.Generator, people: People, clocks: Clocks
) -> tuple[Interactions, Interactions]:
    """Mail opened, less often after leaving, and the clicks that follow within minutes."""
    talk, size = PLANTED.talk, len(people.since)
    rate = rng.gamma(talk.open_shape, talk.open_mean / talk.open_shape, size)
    owner, at = scatter(rng, people, clocks, rate, np.full(size, clocks.ends))
    interest = np.where(at < people.left[owner], 1.0, talk.open_after_leaving)
    kept = rng.random(len(owner)) < interest
    owner, at = owner[kept], at[kept]
    click = np.flatnonzero(rng.random(len(owner)) < talk.click_share)
    later = at[click] + rng.uniform(0.5, 5.0, len(click)) / 1440
    opened = note(owner, at, OPEN, EMAIL, np.nan)
    return opened, note(owner[click], later, CLICK, EMAIL, np.nan)


def draw_complaints(rng: np.random.Generator, people: People, clocks: Clocks) -> Interactions:
    """Complaints at any time, and those of customers who are about to leave."""
    size = len(people.since)
    rate = np.full(size, PLANTED.talk.complaint)
    owner, at = scatter(rng, people, clocks, rate, people.left)
    aggrieved = np.flatnonzero(rng.random(size) < PLANTED.leaving.grievance_share)
    wait = rng.random(len(aggrieved)) * PLANTED.leaving.grievance_days
    owner = np.concatenate([owner, aggrieved])
    at = np.concatenate([at, people.left[aggrieved] - wait])
    channel = np.where(rng.random(len(owner)) < 0.5, EMAIL, PHONE)
    return note(owner, at, COMPLAINT, channel, np.nan)


def draw_tickets(rng: np.random.Generator, people: People, clocks: Clocks) -> Interactions:
    """Questions to the support desk, which tell nothing about leaving."""
    rate = np.full(len(people.since), PLANTED.talk.ticket)
    owner, at = scatter(rng, people, clocks, rate, people.left)
    return note(owner, at, TICKET, EMAIL, np.nan)


def send_campaign(
    rng: np.random.Generator, people: People, number: int, window: Floats
) -> Interactions:
    """One campaign's messages to all known customers not held out, valued at its number."""
    reached = np.flatnonzero(~people.held_out & (people.since < window[1]))
    begins = np.maximum(people.since[reached], window[0])
    delay = rng.random(len(reached)) * np.minimum(window[1] - begins, 1 / 24)
    return note(reached, begins + delay, CAMPAIGN, EMAIL, float(number + 1))
