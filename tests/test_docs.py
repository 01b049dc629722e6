"""The pages say what the code does: every verb, feature, setting, target, route and make target."""

import argparse
import importlib.util
import re
from pathlib import Path

import pytest

import cli
from features.dictionary import FEATURES
from features.rhythm import lateness
from serving.routes import ROUTERS
from training.choice.families import FAMILIES as CHOICES
from training.families import BASELINES, FAMILIES
from training.targets import TARGETS

ROOT = Path(__file__).resolve().parent.parent
PAGES = {f.name: f.read_text("utf-8") for f in (ROOT / "docs").glob("*.md")}
README = (ROOT / "README.md").read_text("utf-8")


def list_verbs():
    actions = cli.read_words()._actions
    return next(a for a in actions if isinstance(a, argparse._SubParsersAction)).choices


def load_writer():
    spec = importlib.util.spec_from_file_location("write_docs", ROOT / "scripts" / "write_docs.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize(
    "page", ["features.md", "settings.md", "tables.md", "batch.md", "cross_sell.md", "reasons.md"]
)
def test_generated_parts_are_what_the_code_says(page):
    made = {file.name: text for file, text in load_writer().make_pages().items()}
    assert PAGES[page] == made[page], "run scripts/write_docs.py"


def test_every_feature_is_in_the_dictionary_page():
    assert len(FEATURES) >= 30
    assert not [name for name in FEATURES if f"| `{name}` |" not in PAGES["features.md"]]


@pytest.mark.parametrize("verb", list_verbs())
def test_every_verb_is_in_the_readme_with_its_page(verb):
    row = re.search(rf"\| `patron {verb}` \| .+ \| .*\(docs/(\w+\.md)\)", README)
    assert row, verb
    assert row[1] in PAGES


@pytest.mark.parametrize("verb", list_verbs())
def test_every_option_of_a_verb_says_what_it_does(verb):
    silent = [a.dest for a in list_verbs()[verb]._actions if not a.help]
    assert silent in ([], ["engine"])


def test_every_route_is_documented():
    paths = {route.path for router in ROUTERS for route in router.routes}
    assert {"/v1/scores", "/v1/models", "/livez", "/readyz"} <= paths
    assert not [path for path in paths if path not in PAGES["serving.md"]]


def test_every_target_family_and_baseline_is_documented():
    names = [*TARGETS, *FAMILIES, *BASELINES]
    assert not [name for name in names if f"`{name}`" not in PAGES["training.md"]]


def test_every_family_and_switch_of_cross_selling_is_documented():
    names = [*CHOICES, "blend", "--repeats", "--not-again", "--categories"]
    assert not [name for name in names if f"`{name}" not in PAGES["cross_sell.md"]]
    named = ["shown_ratio", "shown_predicted", "shown_observed", "ndcg_gain", "plain_list_wins"]
    pages = PAGES["cross_sell.md"] + PAGES["report.md"]
    assert not [name for name in named if f"`{name}`" not in pages]


def test_every_figure_of_an_evaluation_is_explained():
    assert len(figures := list_figures()) > 40
    assert not [name for name in figures if f"`{name}`" not in PAGES["report.md"]]


def list_figures():
    """The names of all figures of every kind of target, from two dozen customers."""
    import numpy as np

    from training.evaluation import evaluate
    from training.ordering import Ranking
    from training.profit import measure_campaign, measure_retention, sell
    from training.rankings import Purchases, evaluate_ranking
    from training.toplists import list_baselines
    from training.waits import Waits, cover, evaluate_waits
    from training.worths import cover_range, evaluate_worths

    told = np.linspace(0.1, 0.9, 24)
    came = np.tile([0.0, 1.0, 1.0], 8)
    waits = Waits(np.where(came > 0, told * 30, np.nan), np.full(24, 30.0))
    days = np.stack([told * 10, told * 20, told * 30], axis=1)
    bought = np.stack([came > 0, came < 1, told > 0.5], axis=1)
    lists = evaluate_ranking(np.stack([told, came, told], axis=1), Purchases(bought, bought))
    return {
        *evaluate(came, told),
        *measure_retention(Ranking(came, told)),
        *measure_campaign(Ranking(came, told), sell(2, 1)),
        *evaluate_waits(waits, days),
        *cover(waits, days),
        *lists,
        *lists["all"],
        *list_baselines([bought.astype(float)]),
        *evaluate_worths(came * told, told),
        *cover_range(came, told, told),
    }


def test_every_make_target_says_what_it_does():
    makefile = (ROOT / "Makefile").read_text("utf-8")
    targets = re.search(r"^\.PHONY: (.+)$", makefile, re.M)[1].split()
    assert {"help", "install", "demo", "test", "lint", "serve", "bench"} <= set(targets)
    assert not [t for t in targets if not re.search(rf"^{t}:.*## ", makefile, re.M)]


def test_the_readme_is_short_and_its_feature_is_the_real_one():
    assert len(README.splitlines()) <= 150
    block = re.search(r"```python\n(.+?)```", README, re.S)[1]
    assert lateness.__doc__ in block
    assert "return ratio(days_since_order, at_least(mean_gap, DAY))" in block


@pytest.mark.parametrize("page", ["README.md", *(f"docs/{name}" for name in PAGES)])
def test_every_link_leads_somewhere(page):
    file = ROOT / page
    links = re.findall(r"\]\(([^)#:]+)\)", file.read_text("utf-8"))
    assert not [link for link in links if not (file.parent / link).exists()]
