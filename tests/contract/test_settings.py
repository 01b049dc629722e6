"""Settings come from the environment, and a misspelt one is refused."""

from pathlib import Path

import pytest
from pydantic import ValidationError

from contract.errors import SettingsError
from contract.settings import Settings, read_settings


@pytest.fixture
def environment(monkeypatch):
    """Just these variables are set, of Patron's and MLflow's."""

    def set_only(**variables):
        for name in ("PATRON_HOME", "PATRON_BUNDLES", "MLFLOW_TRACKING_URI"):
            monkeypatch.delenv(name, raising=False)
        for name, value in variables.items():
            monkeypatch.setenv(name, value)

    return set_only


def test_without_a_setting_all_is_left_in_the_working_folder(environment, tmp_path, monkeypatch):
    environment()
    monkeypatch.chdir(tmp_path)
    settings = read_settings()
    assert settings.mlruns == tmp_path / "mlruns"
    assert settings.bentos == tmp_path / "bentos"
    assert settings.tracking_uri == f"sqlite:///{tmp_path}/mlruns/mlflow.db"
    assert settings.bundles is None


def test_a_home_holds_all_that_a_run_makes(environment, tmp_path):
    environment(PATRON_HOME=str(tmp_path))
    settings = read_settings()
    made = {settings.mlruns, settings.bentos}
    assert all(tmp_path in folder.parents for folder in made)
    assert str(tmp_path) in settings.tracking_uri


def test_a_tracking_server_is_taken_from_mlflows_own_variable(environment):
    environment(MLFLOW_TRACKING_URI="http://mlflow:5000")
    assert read_settings().tracking_uri == "http://mlflow:5000"


def test_bundles_are_a_folder(environment):
    environment(PATRON_BUNDLES="some/where")
    assert read_settings().bundles == Path("some/where")


@pytest.mark.parametrize("name", ["PATRON_HOEM", "PATRON_MLFLOW_TRACKING_URI"])
def test_a_name_patron_does_not_know_is_refused_not_ignored(environment, name):
    environment(**{name: "x"})
    with pytest.raises(SettingsError) as refused:
        read_settings()
    assert str(refused.value) == (
        f"The environment sets {name}, which Patron does not know. "
        "It knows PATRON_BUNDLES, PATRON_HOME, PATRON_METRICS_HOST, PATRON_METRICS_PORT,"
        " PATRON_STORE."
    )


def test_settings_do_not_change(environment):
    environment()
    with pytest.raises(ValidationError, match="frozen"):
        Settings().home = Path("elsewhere")


@pytest.mark.parametrize(
    ("told", "url"),
    [
        ("", "sqlite:///{}/patron.db"),
        ("sqlite:///near.db", "sqlite:///{}/near.db"),
        ("sqlite:////far/patron.db", "sqlite:////far/patron.db"),
        ("sqlite:///:memory:", "sqlite:///:memory:"),
        ("postgresql+psycopg://db/patron", "postgresql+psycopg://db/patron"),
    ],
)
def test_the_store_is_the_same_wherever_a_process_runs(
    environment, tmp_path, monkeypatch, told, url
):
    environment(PATRON_STORE=told)
    monkeypatch.chdir(tmp_path)
    assert read_settings().store_url == url.format(tmp_path)
