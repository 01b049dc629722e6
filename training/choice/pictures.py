"""Which pictures a model that ranks categories leaves."""

from pathlib import Path

from training.choice.judging import SCOPE, Judged
from training.choice.measures import as_purchases
from training.figures import draw_recall, draw_reliability
from training.rankings import trace_recall


def draw_choice(judged: Judged, folder: Path) -> None:
    """Write how much of what is bought each list finds, and how true the probabilities are."""
    folder.mkdir(parents=True, exist_ok=True)
    choices, purchases = judged.choices, as_purchases(judged.choices)
    if not purchases.bought.any():
        return
    shown = {judged.best: choices.spread(judged.told[judged.best]), **judged.lists}
    draw_recall({n: trace_recall(told, purchases, SCOPE) for n, told in shown.items()}, folder)
    draw_reliability(choices.outcome, judged.told, folder)
