"""A training run against a real MLflow: a SQLite file here, PostgreSQL in test_postgres."""

import json
from dataclasses import replace
from datetime import UTC, datetime

import mlflow
import pytest

from contract.champions import fetch_champions
from contract.errors import RegistryError
from contract.registry import CHALLENGER, CHAMPION, PREVIOUS, open_registry
from contract.versions import Version
from training.targets import TARGETS
from training.tracking import open_experiment, record
from training.train import Books, count_steps, train
from training.tuning import Trial, Tuned

AS_OF = datetime(2026, 11, 1, tzinfo=UTC)


@pytest.fixture(scope="module")
def session(tmp_path_factory, shop_history, new_home):
    settings, tmp_path = new_home(), tmp_path_factory.mktemp("b")
    registry = open_registry(settings)
    with pytest.raises(RegistryError, match="No model has been promoted"):
        fetch_champions(registry, tmp_path)
    steps = []
    targets = [TARGETS["churn"].over(60), TARGETS["next_purchase"].over(30)]
    report = train(shop_history, targets, AS_OF, Books(settings, registry), steps.append)
    return settings, registry, report, steps


def test_each_target_is_a_run_under_one_parent(session):
    _, registry, report, steps = session
    for name, part in report["targets"].items():
        run = registry.client.get_run(part["run_id"])
        assert run.data.tags["mlflow.parentRunId"] == report["run_id"]
        assert run.data.params["target"] == name
        assert run.data.params["as_of"] == "2026-11-01"
        assert run.data.tags["dataset_sha256"] == part["dataset_sha256"]
        assert len(run.data.tags["git_revision"]) >= 7
    targets = [TARGETS[name] for name in report["targets"]]
    assert len(steps) == count_steps(targets, trials=0)  # what the progress bar counts on


def test_targets_trained_together_share_their_norms(session, tmp_path):
    _, registry, report, _ = session
    made = [Version(n, p["version"], p["run_id"]) for n, p in report["targets"].items()]
    norms = [registry.fetch(version, tmp_path).norms for version in made]
    assert norms[0] == norms[1]
    assert norms[0].as_of == AS_OF
    assert len(norms[0].vocabulary["category"]) == 12
    assert norms[0].products and norms[0].repeating


def test_every_figure_of_the_report_is_a_metric(session):
    _, registry, report, _ = session
    part = report["targets"]["churn"]
    metrics = registry.client.get_run(part["run_id"]).data.metrics
    for name, figures in {**part["families"], **part["baselines"]}.items():
        for metric, estimate in figures.items():
            assert metrics[f"{name}.{metric}"] == estimate["value"]
            assert metrics[f"{name}.{metric}.low"] == estimate["low"]
    assert metrics["auc"] == part["families"][part["best"]]["auc"]["value"]


def test_pictures_dictionary_report_and_card_are_artifacts(session, tmp_path):
    _, registry, report, _ = session
    part = report["targets"]["churn"]
    folder = registry.client.download_artifacts(part["run_id"], "", str(tmp_path))
    found = {str(f.relative_to(tmp_path)) for f in tmp_path.rglob("*") if f.is_file()}
    assert folder
    pictures = {
        f"figures/{n}.png"
        for n in ("roc", "gains", "lift", "reliability", "profit", "segments", "importance", "shap")
    }
    assert pictures <= found
    assert all((tmp_path / p).read_bytes()[:4] == b"\x89PNG" for p in pictures)
    assert len(json.loads((tmp_path / "dictionary.json").read_text())) >= 30
    assert json.loads((tmp_path / "report.json").read_text())["best"] == part["best"]
    assert (tmp_path / "card.md").read_text().startswith("# churn: ")


def test_every_trial_is_a_run_nested_in_its_target(learned_churn, new_home):
    settings = new_home()
    registry = open_registry(settings)
    open_experiment(settings)
    trials = (
        Trial(0, "COMPLETE", {"C": 1.0}, (0.5, 0.4)),
        Trial(1, "PRUNED", {"C": 9.0}, (0.7,)),
        Trial(2, "COMPLETE", {"C": 0.1}, (0.3, 0.4)),
    )
    tuned = Tuned("logistic", {"C": 0.1}, True, "better", trials)
    report = record(replace(learned_churn, tuned=(tuned,)), registry)
    mine = f"tags.mlflow.parentRunId = '{report['run_id']}'"
    runs = mlflow.search_runs(filter_string=mine, order_by=["start_time"], output_format="list")
    told = [(r.data.params["C"], r.data.tags["state"], r.data.tags["used"]) for r in runs]
    assert told == [
        ("1.0", "complete", "False"),
        ("9.0", "pruned", "False"),
        ("0.1", "complete", "True"),
    ]
    assert [r.data.metrics["log_loss"] for r in runs] == pytest.approx([0.45, 0.7, 0.35])
    folds = registry.client.get_metric_history(runs[0].info.run_id, "fold_log_loss")
    assert [(m.step, m.value) for m in folds] == [(0, 0.5), (1, 0.4)]


def test_the_judged_snapshot_is_logged_without_customer_ids(session):
    _, registry, report, _ = session
    inputs = registry.client.get_run(report["targets"]["churn"]["run_id"]).inputs
    data = {i.dataset.name: i.dataset for i in inputs.dataset_inputs}["churn judged snapshot"]
    assert "days_since_order" in data.schema and "customer_id" not in data.schema


def test_what_is_registered_is_challenger_until_promoted(session, tmp_path):
    _, registry, _, _ = session
    assert registry.find("churn", CHALLENGER).number == "1"
    promoted = registry.promote("churn")
    assert (promoted.number, registry.find("churn", CHAMPION).number) == ("1", "1")
    with pytest.raises(RegistryError, match="patron-churn has no challenger"):
        registry.find("churn", CHALLENGER)
    champions = fetch_champions(registry, tmp_path)
    assert champions["churn"].version == "1"


def test_the_champion_before_stays_at_hand(session, shop_history):
    settings, registry, _, _ = session
    if registry.list_targets(CHAMPION) != ["churn"]:
        registry.promote("churn")
    again = [TARGETS["churn"].over(60)]
    train(shop_history, again, AS_OF, Books(settings, registry), lambda step: None)
    registry.promote("churn")
    assert registry.find("churn", CHAMPION).number == "2"
    assert registry.find("churn", PREVIOUS).number == "1"
    assert mlflow.get_experiment_by_name("patron").artifact_location.startswith("file://")
