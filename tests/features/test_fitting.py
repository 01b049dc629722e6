"""The models' parameters are found again where they are known, and foretell what then happens."""

from datetime import datetime

import numpy as np
import pytest
from scipy.special import betaln, gammaln, hyp2f1

from contract.norms import Norms, Repeating, Spending
from features import lifetime
from features.fitting import fit_repeating, fit_spending

# Published for CDNOW, in weeks: Fader, Hardie & Lee (2005); Fader & Hardie (2013).
CDNOW = Repeating(r=0.2426, alpha=4.414, a=0.793, b=2.426)
VALUES = Spending(p=6.25, q=3.74, gamma=15.44)

# Standard deviations over 60 fits of 30,000 customers each; the means were off by .2 of them.
SPREAD = {"r": 0.0035, "alpha": 0.104, "a": 0.060, "b": 0.223}
SPREAD_OF_VALUES = {"p": 0.19, "q": 0.059, "gamma": 0.68}

# r, alpha, a, b of a shop like CDNOW, of one that many leave, and four fitted to real shops.
SHOPS = [
    (0.2426, 4.414, 0.793, 2.426), (1, 10, 1.5, 5), (0.70, 5.38, 0.054, 0.76),
    (0.88, 8.30, 0.044, 2.65), (0.81, 6.35, 0.012, 0.22), (1.43, 3.72, 0.057, 31.2),
]  # fmt: skip


def order(rng, model, age, ahead=0.0):
    """Repeats, the last, whether more come in the time ahead and how many: the model's story."""
    rate = rng.gamma(model.r, 1 / model.alpha, len(age))
    leaving = rng.beta(model.a, model.b, len(age))
    repeats, last, later, at = np.zeros((4, len(age)))
    active = np.arange(len(age))
    while len(active):
        at[active] += rng.exponential(size=len(active)) / rate[active]
        active = active[at[active] < age[active] + ahead]
        past = at[active] < age[active]
        repeats[active[past]] += 1
        last[active[past]] = at[active[past]]
        later[active[~past]] += 1
        active = active[rng.random(len(active)) >= leaving[active]]
    return repeats, last, later > 0, later


def log_likelihood(model, x, last, age):
    """Eq. 6 of Fader, Hardie & Lee (2005), its two terms as they stand there."""
    r, alpha, a, b = model.r, model.alpha, model.a, model.b
    orders = gammaln(r + x) - gammaln(r) + r * np.log(alpha) - betaln(a, b)
    stayed = betaln(a, b + x) - (r + x) * np.log(alpha + age)
    left = betaln(a + 1, b + np.maximum(x, 1) - 1) - (r + x) * np.log(alpha + last)
    return np.sum(orders + np.logaddexp(stayed, np.where(x > 0, left, -np.inf)))


def foretell(model, repeats, last, age, days):
    """The chance of an order and the number expected, by the features' own definitions."""
    norms = Norms(as_of=datetime(2026, 1, 1), repeating=model)
    active = lifetime.active_probability(repeats + 1, age * 7, (age - last) * 7, norms)
    said = (repeats + 1, age * 7, active, norms, days)
    return lifetime.order_probability(*said), lifetime.expected_orders(*said)


@pytest.fixture(scope="module")
def customers():
    rng = np.random.default_rng(2005)
    age = rng.uniform(27, 39, 30_000)
    return *order(rng, CDNOW, age)[:2], age


@pytest.fixture(scope="module")
def fitted(customers):
    return fit_repeating(*customers)


@pytest.fixture(scope="module")
def paid(customers):
    rng = np.random.default_rng(2013)
    orders = customers[0] + 1
    scale = rng.gamma(VALUES.q, 1 / VALUES.gamma, len(orders))
    return orders, rng.gamma(VALUES.p * orders) / (scale * orders), VALUES.p / scale


def test_the_parameters_of_repeat_orders_are_found_again_within_three_standard_errors(fitted):
    for name, spread in SPREAD.items():
        assert getattr(fitted, name) == pytest.approx(getattr(CDNOW, name), abs=3 * spread)


def test_the_parameters_of_values_are_found_again_within_three_standard_errors(paid):
    fitted = fit_spending(*paid[:2])
    for name, spread in SPREAD_OF_VALUES.items():
        assert getattr(fitted, name) == pytest.approx(getattr(VALUES, name), abs=3 * spread)


def test_the_likelihood_is_at_its_top(customers, fitted):
    top = log_likelihood(fitted, *customers)
    assert top >= log_likelihood(CDNOW, *customers)
    for name in SPREAD:
        for by in (0.999, 1.001):
            beside = fitted.model_copy(update={name: getattr(fitted, name) * by})
            assert log_likelihood(beside, *customers) < top


def test_as_many_repeat_orders_are_expected_as_there_were(customers, fitted):
    (repeats, _, age), (r, alpha, a, b) = customers, fitted.model_dump().values()
    series = hyp2f1(r, b, a + b - 1, age / (alpha + age))
    # Eq. 9, of a new customer; the likelihood does not make the two means equal.
    expected = (a + b - 1) / (a - 1) * (1 - (alpha / (alpha + age)) ** r * series)
    assert repeats.mean() == pytest.approx(expected.mean(), rel=0.005)  # a standard error is .012


def test_customers_are_worth_what_is_expected_of_their_next_order(paid):
    orders, mean, worth = paid
    norms = Norms(as_of=datetime(2026, 1, 1), spending=VALUES)
    expected = lifetime.expected_order_value(orders, orders * mean, norms)
    for group in (orders == 1, orders == 2, orders > 2, mean < 20, mean > 60):
        error = (worth - expected)[group].std() / np.sqrt(group.sum())
        assert worth[group].mean() == pytest.approx(expected[group].mean(), abs=4 * error)


def test_the_published_customer_is_expected_to_order_as_often_as_published():
    _, expected = foretell(CDNOW, *np.array([[2.0], [30.43], [38.86]]), days=273)
    assert expected[0] == pytest.approx(1.226, abs=5e-4)  # Fader, Hardie & Lee (2005), p. 281


@pytest.mark.parametrize("shop", SHOPS, ids=str)
def test_the_series_is_the_hypergeometric_function(shop):
    r, alpha, a, b = shop
    ages, aheads = [0, 0.15, 1, 5, 20, 52, 150], [30 / 7, 90 / 7, 365 / 7]
    grid = np.meshgrid([0, 1, 2, 5, 10, 30, 100, 300], ages, aheads)
    x, age, ahead = (axis[grid[0] <= 7 * grid[1] + 0.1] for axis in grid)  # one a day at most
    of = (r + x, b + x, a + b + x - 1, ahead / (alpha + age + ahead))
    model = Repeating(r=r, alpha=alpha, a=a, b=b)
    ab = a + b - 1 - r, a - 1  # what its last parameter is more than the first two, whatever x
    found = lifetime.hypergeometric(ab, *of[2:], lifetime.list_reaches(model))
    assert found == pytest.approx(hyp2f1(*of), rel=1e-8)
    # Few are told one by one, and the same to the last bit.
    few, reaches = slice(3, 3 + lifetime.FEW), lifetime.list_reaches(model)
    assert len(found) > lifetime.FEW
    some = lifetime.hypergeometric(ab, of[2][few], of[3][few], reaches)
    assert np.array_equal(some, found[few])


@pytest.mark.parametrize("days", [30, 90, 365])
def test_what_is_foretold_of_customers_happens(days):
    rng, age = np.random.default_rng(2008), np.full(300_000, 39.0)
    repeats, last, *happened = order(rng, CDNOW, age, days / 7)
    foretold = foretell(CDNOW, repeats, last, age, days)
    some = [repeats == 1, repeats == 2, repeats > 4]
    silent = age - last > 20
    for group in (repeats == 0, *(g & silent for g in some), *(g & ~silent for g in some)):
        for is_so, said in zip(happened, foretold, strict=True):
            error = is_so[group].std() / np.sqrt(group.sum())
            assert is_so[group].mean() == pytest.approx(said[group].mean(), abs=4 * error)


def test_days_instead_of_weeks_only_rescale_alpha(customers, fitted):
    repeats, last, age = customers
    daily = fit_repeating(repeats, last * 7, age * 7)
    weekly = daily.model_copy(update={"alpha": daily.alpha / 7})
    assert weekly.model_dump() == pytest.approx(fitted.model_dump(), rel=1e-6)
    by_week = foretell(fitted, repeats, last, age, 90)
    by_day = foretell(daily, repeats, last * 7, age * 7, 630)
    assert np.array(by_day) == pytest.approx(np.array(by_week), rel=1e-6)


def test_another_currency_only_rescales_gamma(paid):
    here, there = fit_spending(paid[0], paid[1]), fit_spending(paid[0], paid[1] * 100)
    assert [there.p, there.q] == pytest.approx([here.p, here.q], rel=1e-6)
    assert there.gamma == pytest.approx(100 * here.gamma, rel=1e-6)


def test_the_order_of_customers_and_those_who_paid_nothing_change_nothing(customers, paid, fitted):
    shuffled = np.random.default_rng(1).permutation(len(paid[0]))
    assert fit_repeating(*np.array(customers)[:, shuffled]) == fitted
    more = (np.append(paid[0][shuffled], [1, 2]), np.append(paid[1][shuffled], [0.0, -5.0]))
    assert fit_spending(*more) == fit_spending(*paid[:2])


def test_a_is_kept_off_1_which_expected_orders_divides_by(customers, monkeypatch):
    monkeypatch.setattr("features.fitting._climb", lambda *_: [1.0, 1.0, 1.0, 2.0])
    one = fit_repeating(*customers)
    models = [one, *(one.model_copy(update={"a": a}) for a in (0.999, 1.001))]
    said, below, above = (foretell(m, *np.array(customers)[:, :1000], 365)[1] for m in models)
    assert said == pytest.approx((below + above) / 2, rel=1e-5)


def test_few_customers_few_repeats_and_numbers_that_are_none_tell_no_model(customers, paid):
    again, once = np.flatnonzero(customers[0]), np.flatnonzero(customers[0] == 0)
    for few in (again[:0], again[:49], np.append(again[:19], once), once):
        assert fit_repeating(*(column[few] for column in customers)) is None
        assert fit_spending(*(column[few] for column in paid[:2])) is None
    odd = np.where(np.arange(len(paid[0])) == again[0], np.inf, [*customers, *paid[:2]])
    assert fit_repeating(*odd[:3]) is None
    assert fit_spending(*odd[3:]) is None


@pytest.mark.parametrize("last, age", [(9.0, 9.0), (9.0, 20.0), (0.0, 9.0), (0.0, 0.0)])
def test_customers_all_alike_tell_no_model(last, age):
    alike = np.ones(300)
    assert fit_repeating(3 * alike, last * alike, age * alike) is None
    assert fit_spending(np.tile([1.0, 2.0, 3.0], 100), 10 * alike) is None


def test_values_whose_mean_does_not_exist_tell_no_model(paid):
    rng = np.random.default_rng(3)
    scale = rng.gamma(0.8, size=len(paid[0]))
    assert fit_spending(paid[0], rng.gamma(5 * paid[0]) / (scale * paid[0])) is None
