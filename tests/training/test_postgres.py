"""MLflow on a PostgreSQL server, all the way: train, register, promote, load, go back, tell."""

import mlflow
import numpy as np
import pytest
import sqlalchemy as sql

from contract.errors import RegistryError
from contract.registry import CHAMPION, open_registry
from contract.versions import Logged
from training.tracking import open_experiment, record


@pytest.fixture(scope="module")
def server(new_home, scratch_database, learned_churn):
    settings = new_home(uri=scratch_database)
    registry = open_registry(settings)
    open_experiment(settings)
    with mlflow.start_run(run_name="train"):
        reports = [record(learned_churn, registry) for _ in range(2)]
    return settings, registry, reports


def test_a_run_is_recorded_in_the_server_and_its_artifacts_at_home(server, scratch_database):
    settings, registry, reports = server
    database = sql.create_engine(scratch_database)
    with database.connect() as connection:
        said = "SELECT value FROM latest_metrics WHERE run_uuid = :run AND key = 'auc'"
        told = connection.execute(sql.text(said), {"run": reports[0]["run_id"]}).scalar_one()
    database.dispose()
    assert told == reports[0]["families"][reports[0]["best"]]["auc"]["value"]
    place = registry.client.get_run(reports[0]["run_id"]).info.artifact_uri
    assert place.startswith((settings.mlruns / "artifacts").as_uri())


def test_a_version_is_promoted_loaded_and_gone_back_from(server, learned_churn, tmp_path):
    _, registry, reports = server
    for report, reason in zip(reports, ("the first", "newer"), strict=True):
        number = report["version"]
        registry.client.set_registered_model_alias("patron-churn", "challenger", number)
        assert registry.promote("churn", reason).number == number
    rows = learned_churn.judged[list(learned_churn.bundle.reads)]
    answers = mlflow.pyfunc.load_model("models:/patron-churn@champion").predict(rows)
    columns = {name: rows[name].to_numpy() for name in rows}
    assert np.array_equal(answers["probability"], learned_churn.bundle.probability(columns))
    bundle = registry.fetch(registry.find("churn", CHAMPION), tmp_path)
    assert np.array_equal(answers["probability"], bundle.probability(columns))
    registry.rollback("churn", "complaints")
    with pytest.raises(RegistryError, match="no version before its champion to go back to"):
        registry.rollback("churn")
    mine = [(t.version, t.how, t.reason, t.serves) for t in registry.history("churn")][-3:]
    first, second = (report["version"] for report in reports)
    assert mine == [
        (first, "promoted", "the first", False),
        (second, "promoted", "newer", False),
        (first, "rolled_back", "complaints", True),
    ]


def test_a_card_longer_than_the_server_holds_is_cut_at_a_line(server):
    _, registry, reports = server
    run_id = reports[0]["run_id"]
    (output,) = registry.client.get_run(run_id).outputs.model_outputs
    long = "".join(f"| segment {n} | 0.123 |\n" for n in range(1000))
    version = registry.register("churn", Logged(output.model_id, run_id, "Who leaves.", long))
    told = registry.client.get_model_version("patron-churn", version.number).description
    assert 4900 < len(told) <= 5000
    *lines, empty, last = told.split("\n")
    assert (empty, last) == ("", "… The whole card is card.md in the model.")
    assert lines == long.split("\n")[: len(lines)]
