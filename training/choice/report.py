"""The report of a target that ranks categories; docs/cross_sell.md says what it means."""

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from contract.bundle import Bundle
from contract.choice import Shelf
from contract.manifest import Manifest
from training.choice.families import USUAL_LIST
from training.choice.judging import SCOPE, Judged
from training.choice.measures import as_purchases, compare_pairs
from training.estimates import as_numbers
from training.folds import Stages
from training.grades import grade_ranking
from training.learned import tell_stages
from training.rankings import (
    SCOPES,
    Purchases,
    compare_rankings,
    evaluate_ranking,
    evaluate_scope,
)
from training.segments import split_segments
from training.targets import Target

Report = dict[str, Any]

WIDTH = 24
SHOWN = ("recall_at_5", "ndcg_at_5", "log_loss")


def write_report(target: Target, refitted: tuple[Bundle, Stages], judged: Judged) -> Report:
    """Return the report: `refitted` is what is registered, `judged` the recipe as it was judged."""
    registered, stages = refitted
    best, choices, gains = judged.best, judged.choices, judged.gains
    told = judged.told
    assert registered.shelf is not None
    return {
        "target": target.name,
        "kind": target.kind,
        "meaning": target.meaning,
        "horizon_days": target.over_days,
        "as_of": f"{registered.manifest.as_of:%Y-%m-%d}",
        "best": best,
        "rung": judged.step.rung,
        "offer": choices.shelf.offer.model_dump(mode="json"),
        "judged": {
            **tell_stages(judged.stages),
            "customers": len(choices.ids),
            "categories": len(choices.shelf.names),
            "categories_of": choices.shelf.of,
            "pairs": len(choices.outcome),
        },
        "base_rate": judged.fitted[best].base_rate.model_dump(),
        "families": {n: as_numbers(judged.metrics[n]) for n in judged.step.families},
        "baselines": {n: as_numbers(judged.metrics[n]) for n in judged.lists},
        "ndcg_gain": as_numbers(gains),
        "log_loss_gain": as_numbers(
            {USUAL_LIST: compare_pairs(choices, told[best], told[USUAL_LIST])}
        ),
        "plain_list_wins": [name for name, gain in gains.items() if gain.value < 0],
        "scopes": judge_scopes(judged),
        "grade": asdict(grade_ranking(gains)),
        "segments": judge_segments(judged),
        "registered": {
            **tell_stages(stages),
            "family": best,
            "categories": len(registered.shelf.names),
            "base_rate": registered.manifest.base_rate.model_dump(),
            "calibration": registered.manifest.calibration.model_dump(),
            "note": "The same recipe, refitted on every closed snapshot, the judged one included.",
        },
    }


def judge_scopes(judged: Judged) -> dict[str, Any]:
    """Return the figures of lists for each of `SCOPES`, repeat and explore apart.

    Where the offer repeats nothing, all is explore, and there is nothing to tell apart.
    """
    if not judged.choices.shelf.offer.repeats:
        return {}
    purchases = as_purchases(judged.choices)
    lists = {judged.best: judged.choices.spread(judged.told[judged.best]), **judged.lists}
    found = {name: evaluate_ranking(told, purchases) for name, told in lists.items()}
    return {s: {name: as_numbers(f[s]) for name, f in found.items()} for s in SCOPES}


def judge_segments(judged: Judged) -> dict[str, Any]:
    """Return, by kind of customers, how good their lists are beside the best plain list there.

    That one is picked on the customers it is compared on, which favours it. Where nobody of a kind
    bought, or there is no such customer, the kind is left out.
    """
    purchases, ours = as_purchases(judged.choices), judged.choices.spread(judged.told[judged.best])
    found = {}
    for name, inside in split_segments(judged.choices.customers):
        own = Purchases(purchases.bought[inside], purchases.repeat[inside])
        if not own.bought.any():
            continue
        gains = {n: compare_rankings(own, ours[inside], told[inside], SCOPE)
                 for n, told in judged.lists.items()}  # fmt: skip
        best = min(gains, key=lambda n: gains[n].value)
        metrics = evaluate_scope(ours[inside], own, SCOPE)
        kept = {n: metrics[n] for n in ("recall_at_5", "ndcg_at_5")}
        found[name] = {
            "customers": int(inside.sum()),
            **as_numbers({**kept, "gain": gains[best]}),
            "best_baseline": best,
            "grade": grade_ranking(gains).letter,
            "rule_wins": gains[best].high < 0,
        }
    return found


def tell_shelf(shelf: Shelf, manifest: Manifest) -> str:
    """Return in words what a probability is that of, and what may be shown."""
    offer = shelf.offer
    again = (
        "" if offer.repeats else f" that the customer has not bought in {offer.look_back_days} days"
    )
    only = f" Only {len(offer.only)} chosen ones are shown." if offer.only else ""
    return (
        f"`probability` is that of: an order within {manifest.horizon_days} days of a {shelf.of}"
        f"{again}. It ranks the {len(shelf.names)} bought most in the year before"
        f" {manifest.as_of:%Y-%m-%d}, all by one model.{only} A row of its frame is a pair of"
        f" customer and {shelf.of}. Family: {manifest.family}."
    )


def tell_choice(report: Mapping[str, Any]) -> str:
    """Return the report as a table: a line per family and list, and which lists win."""
    judged = report["judged"]
    kind = "again too" if report["offer"]["repeats"] else "first orders"
    head = (
        f"{report['target']}: {report['horizon_days']} days from {judged['moment']},"
        f" {judged['customers']:,} customers, {judged['categories']} categories, {kind};"
        f" served: {report['best']} ({report['rung']})\n"
        f"{'':{WIDTH}}{'recall at 5':>22}{'NDCG at 5':>22}{'log loss':>22}"
        f"{'predicted / observed':>22}"
    )
    figures = {**report["families"], **report["baselines"]}
    lines = [_tell_figures(name, found) for name, found in figures.items()]
    return "\n".join([head, *lines, *_tell_wins(report)])


def _tell_figures(name: str, figures: Mapping[str, Any]) -> str:
    spans = "".join(_span(figures.get(n)) for n in SHOWN)
    level = ""
    if "mean_predicted" in figures:
        predicted, observed = (figures[n]["value"] for n in ("mean_predicted", "mean_observed"))
        level = f"{predicted:13.4f} / {observed:.4f}"
    return f"{name:{WIDTH}}{spans}{level}".rstrip()


def _tell_wins(report: Mapping[str, Any]) -> list[str]:
    gains = {name: report["ndcg_gain"][name] for name in report["plain_list_wins"]}
    return [
        f"A plain list wins: {name} has {-gain['value']:.3f} ({-gain['high']:.3f} to"
        f" {-gain['low']:.3f}) more NDCG at 5."
        for name, gain in gains.items()
    ]


def _span(estimate: Mapping[str, float] | None) -> str:
    if estimate is None:
        return f"{'':22}"
    told = f"{estimate['value']:.4f} ({estimate['low']:.3f}–{estimate['high']:.3f})"
    return f"{told:>22}"
