"""Every constant planted in the shop, in one place, so that it can be written beside the data."""

from dataclasses import dataclass, field


@dataclass(frozen=True)
class Buying:
    """How often customers order, how regularly, and when they arrive."""

    rate_mean: float = 0.036
    rate_shape: float = 0.9
    gap_shapes: tuple[int, ...] = (1, 2, 4)
    gap_shares: tuple[float, ...] = (0.5, 0.3, 0.2)
    never_share: float = 0.04
    early_share: float = 0.4
    early_days: float = 20.0
    arrival_power: float = 1.3


@dataclass(frozen=True)
class Leaving:
    """How soon customers leave, and what is heard of them before they do."""

    hazard_shape: float = 0.8
    hazard_days: float = 280.0
    dwindle_days: float = 45.0
    dwindle_floor: float = 0.05
    grievance_share: float = 0.35
    grievance_days: float = 28.0


@dataclass(frozen=True)
class Kinds:
    """The kinds of customer: share of all, factor on the order rate, extra units a line."""

    names: tuple[str, ...] = ("consumer", "organisation", "reseller")
    shares: tuple[float, ...] = (0.92, 0.06, 0.02)
    rate_factors: tuple[float, ...] = (1.0, 1.3, 2.0)
    extra_units: tuple[float, ...] = (0.12, 1.5, 4.0)
    office_hours: tuple[float, ...] = (0.2, 1.0, 1.0)
    countries: tuple[str, ...] = ("NL", "BE", "DE", "FR", "AT", "ES")
    country_shares: tuple[float, ...] = (0.40, 0.18, 0.20, 0.12, 0.05, 0.05)


@dataclass(frozen=True)
class Season:
    """The shape of the year, the week and the day; each is scaled to a mean of one.

    A bump is (day of the year, spread in days, height); week and day have a row for
    evening shoppers and a row for those who order in office hours.
    """

    bumps: tuple[tuple[float, float, float], ...] = (
        (346.0, 13.0, 1.2),
        (15.0, 14.0, -0.25),
        (172.0, 12.0, 0.25),
        (220.0, 16.0, -0.15),
    )
    week: tuple[tuple[float, ...], ...] = (
        (0.90, 0.85, 0.90, 0.95, 1.05, 1.25, 1.10),
        (1.25, 1.25, 1.20, 1.20, 1.10, 0.60, 0.40),
    )
    day: tuple[tuple[float, ...], ...] = (
        (3, 2, 1, 1, 1, 1, 3, 6, 8, 9, 10, 11, 12, 11, 10, 10, 11, 13, 16, 20, 22, 20, 13, 6),
        (1, 1, 1, 1, 1, 1, 3, 8, 18, 24, 25, 23, 16, 19, 24, 22, 18, 12, 6, 5, 4, 3, 2, 1),
    )


@dataclass(frozen=True)
class Campaigns:
    """When campaigns run, who is held out, and by how much they lift a customer's rate."""

    first_day: int = 10
    every_days: int = 56
    length_days: int = 14
    hour: int = 9
    hold_out_share: float = 0.2
    lifts: tuple[float, ...] = (1.0, 1.2, 1.6, 0.8)
    lift_shares: tuple[float, ...] = (0.25, 0.35, 0.30, 0.10)


@dataclass(frozen=True)
class Baskets:
    """What is in an order: lines, tastes, price level, discounts and channel."""

    extra_lines: float = 1.5
    extra_lines_shape: float = 3.0
    taste_concentration: float = 5.0
    level_shape: tuple[float, float] = (2.0, 2.5)
    level_spread: float = 0.16
    thrift_shape: tuple[float, float] = (1.3, 3.0)
    discount_base: float = 0.04
    discount_by_thrift: float = 0.55
    discount_units: float = 0.8
    depths: tuple[float, ...] = (0.10, 0.15, 0.20, 0.30)
    channels: tuple[str, ...] = ("web", "store", "app")
    channel_shares: tuple[float, ...] = (0.5, 0.3, 0.2)
    channel_loyalty: float = 0.8


@dataclass(frozen=True)
class Returns:
    """How often lines come back; `keen_share` of the customers send back far more."""

    shape: tuple[float, float] = (1.0, 35.0)
    keen_share: float = 0.08
    keen_shape: tuple[float, float] = (3.0, 9.0)
    first_day: float = 3.0
    last_day: float = 25.0


@dataclass(frozen=True)
class Talk:
    """Daily rates of what customers do besides ordering."""

    visit_base: float = 0.012
    visit_by_rate: float = 0.5
    visits_before_order: float = 0.6
    visit_lead_days: float = 3.0
    pages: float = 4.0
    open_mean: float = 0.03
    open_shape: float = 0.8
    open_after_leaving: float = 0.25
    click_share: float = 0.2
    complaint: float = 0.0006
    ticket: float = 0.0015


@dataclass(frozen=True)
class StepUp:
    """Who comes to spend more an order, when about the end, by how much, and how it shows."""

    share: float = 0.15
    days_before_end: float = 120.0
    days_after_end: float = 90.0
    factor: float = 1.6
    notice_days: float = 28.0
    visits: float = 3.0
    pages: float = 12.0


@dataclass(frozen=True)
class Alike:
    """The orders a day of every customer of a shop without signal."""

    rate: float = 0.008


@dataclass(frozen=True)
class Catalogue:
    """The categories, their popularity and usual price, and the brands."""

    categories: tuple[str, ...] = (
        "shoes", "boots", "belts", "bags", "wallets", "coats",
        "knitwear", "shirts", "trousers", "dresses", "scarves", "socks",
    )  # fmt: skip
    popularity: tuple[float, ...] = (14, 7, 5, 8, 4, 5, 9, 13, 11, 9, 5, 10)
    prices: tuple[float, ...] = (79, 119, 32, 89, 39, 149, 59, 42, 55, 65, 25, 9)
    price_spread: float = 0.45
    per_category: int = 50
    brands: tuple[str, ...] = (
        "Aldern", "Brookhal", "Corvane", "Dunmere", "Elswick",
        "Farrow Lane", "Grensholt", "Hollin", "Ivarsen", "Juniper Row",
    )  # fmt: skip
    cost_share: tuple[float, float] = (0.35, 0.65)


@dataclass(frozen=True)
class Planted:
    """All constants together."""

    buying: Buying = field(default_factory=Buying)
    leaving: Leaving = field(default_factory=Leaving)
    kinds: Kinds = field(default_factory=Kinds)
    season: Season = field(default_factory=Season)
    campaigns: Campaigns = field(default_factory=Campaigns)
    baskets: Baskets = field(default_factory=Baskets)
    returns: Returns = field(default_factory=Returns)
    talk: Talk = field(default_factory=Talk)
    catalogue: Catalogue = field(default_factory=Catalogue)
    step_up: StepUp = field(default_factory=StepUp)
    alike: Alike = field(default_factory=Alike)


PLANTED = Planted()
