"""Which pictures a model of a chance leaves, and what acting on it would earn."""

from collections.abc import Mapping
from pathlib import Path

import numpy as np

from contract.models import Numbers
from contract.waits import Waits
from training.estimates import Estimate
from training.figures import draw_coverage, draw_curves, draw_profit, draw_segments
from training.judging import Judged
from training.ordering import Ranking
from training.profit import RETENTION, Campaign, measure_campaign, measure_retention, sell
from training.timing import cover_waits

# What a response is worth in contacts, where nobody says what it is.
SALE: Campaign = sell(value=10.0, cost=1.0)


def draw_chance(judged: Judged, waits: Waits | None, folder: Path) -> None:
    """Write the curves of every family and baseline, the profit, and how often dates came true."""
    folder.mkdir(parents=True, exist_ok=True)
    outcome = judged.snapshot.outcome
    told = {n: p for n, p in judged.probabilities.items() if np.ptp(p) > 0}
    if outcome.min() == outcome.max() or not told:
        return
    draw_curves(outcome, told, folder)
    ranked = {name: Ranking(outcome, p) for name, p in told.items()}
    draw_profit(ranked, folder, RETENTION.campaign if judged.of_leaving else SALE)
    draw_segments(judged.segments, folder)
    if waits:
        draw_coverage(cover_waits(judged.snapshot, judged.served, waits), folder)


def measure_profit(judged: Judged, probability: Numbers) -> Mapping[str, Estimate]:
    """Return the most that a campaign by these probabilities earns, and the share it contacts.

    Of leaving it is the expected maximum profit of keeping customers, else that of a sale.
    """
    outcome = judged.snapshot.outcome
    if outcome.min() == outcome.max():
        return {}
    ranking = Ranking(outcome, probability)
    return measure_retention(ranking) if judged.of_leaving else measure_campaign(ranking, SALE)
