"""The tables of the truth as Arrow, in the form of the other tables."""

from dataclasses import dataclass
from datetime import date

import numpy as np
import pyarrow as pa

from .arrays import Floats
from .baskets import Tastes
from .clock import Clocks
from .constants import PLANTED
from .future import Future
from .people import People
from .tables import Chunk, write_ids, write_names, write_times
from .worth import Worth, share_categories


@dataclass(frozen=True)
class Truth:
    """What the planted constants of each customer foretell, by position.

    `p_order` is by days ahead, `p_bought` has a column per category, and `steps` is the
    moment of a step up in days since the start, infinite without one.
    """

    p_order: dict[int, Floats]
    orders: Floats
    spend: Floats
    worth: Worth
    steps: Floats
    p_bought: Floats


def table_truth(
    chunk: Chunk, people: People, tastes: Tastes, clocks: Clocks, truth: Truth
) -> pa.Table:
    """One row per customer of a chunk with its planted state at the end."""
    lost = people.left <= clocks.ends
    return pa.table(
        {
            "customer_id": chunk.ids,
            "order_rate": people.rate,
            "gap_shape": people.gap_shape,
            "leaving_hazard": people.hazard,
            "alive": ~lost,
            "left_at": write_times(chunk.starts, people.left, lost),
            "campaign_effect": np.array(PLANTED.campaigns.lifts)[people.lift],
            "held_out": people.held_out,
            **{f"p_order_{days}d": chance for days, chance in truth.p_order.items()},
            "expected_orders_365d": truth.orders,
            "expected_spend_365d": truth.spend,
            "expected_order_value": truth.worth.mean,
            "order_value_variance": truth.worth.variance,
            "return_share": tastes.returns,
            "steps_up_at": write_times(chunk.starts, truth.steps, np.isfinite(truth.steps)),
        }
    )


def table_future(chunk: Chunk, future: Future) -> pa.Table:
    """One row per customer of a chunk with what followed the end."""
    return pa.table(
        {
            "customer_id": chunk.ids,
            "orders_30d": future.orders_30d,
            "orders_90d": future.orders_90d,
            "spent_90d": future.spent_90d,
            "orders_365d": future.orders_365d,
            "spent_365d": future.spent_365d,
            "days_until_order": pa.array(future.days_until, mask=np.isinf(future.days_until)),
        }
    )


def table_categories(chunk: Chunk, tastes: Tastes, truth: Truth, future: Future) -> pa.Table:
    """One row per customer of a chunk and category: the taste, the chance, and what followed."""
    names, size = PLANTED.catalogue.categories, len(chunk.ids)
    return pa.table(
        {
            "customer_id": chunk.ids.take(pa.array(np.repeat(np.arange(size), len(names)))),
            "category": write_names(names, np.tile(np.arange(len(names)), size)),
            "taste": share_categories(tastes).ravel(),
            "p_bought_90d": truth.p_bought.ravel(),
            "bought_30d": future.bought_30d.ravel(),
            "bought_90d": future.bought_90d.ravel(),
        }
    )


def table_campaigns(starts: date, windows: Floats, signal: bool) -> pa.Table:
    """One row per campaign; the effect is the mean planted lift of those treated."""
    planted = PLANTED.campaigns
    effect = float(np.dot(planted.lifts, planted.lift_shares)) if signal else 1.0
    return pa.table(
        {
            "campaign_id": write_ids("A-", np.arange(1, len(windows) + 1), 3),
            "starts_at": write_times(starts, windows[:, 0]),
            "ends_at": write_times(starts, windows[:, 1]),
            "effect": np.full(len(windows), effect),
            "hold_out_share": np.full(len(windows), planted.hold_out_share),
        }
    )
