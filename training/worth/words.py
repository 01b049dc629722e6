"""What a model of a worth says, in words for its card."""

from contract.bundle import Bundle
from contract.worths import find_worth


def tell_worth(bundle: Bundle) -> str:
    """Return what the columns mean, whom they speak of, and how the horizon is reached."""
    m, worth = bundle.manifest, find_worth(bundle)
    others = worth.others
    mean = others.chance * others.orders * others.value
    return (
        f"`predicted` is: {m.meaning[:1].lower()}{m.meaning[1:]} The horizon is {m.horizon_days}"
        " days from the day that the features speak of. It is `order_probability` times"
        " `orders_if_any`, days with an order of those who order, times `expected_order_value`."
        f" Parts are learned over {worth.span_days} days and carried to the horizon; 8 in 10"
        " customers come to between `low` and `high`, or more where most come to nothing."
        f" Family: {m.family}, over {len(bundle.reads)} features.\n\n"
        f"It speaks of customers whose `{m.eligible.feature}` is known. Others get the mean of"
        f" such customers when last observed, {mean:.2f}."
    )
