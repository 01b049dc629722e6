"""What can be set from outside: one frozen object, read once at the front door and passed on."""

import os
from pathlib import Path

from pydantic import Field, ValidationError
from pydantic_settings import BaseSettings, SettingsConfigDict

from contract.errors import SettingsError

PREFIX = "PATRON_"
SQLITE = "sqlite:///"


class Settings(BaseSettings):
    """The settings of one run; each is an environment variable named PATRON_ and its name."""

    model_config = SettingsConfigDict(env_prefix=PREFIX, frozen=True, extra="forbid")

    home: Path = Field(Path(), description="Folder under which a run leaves all it makes.")
    mlflow_tracking_uri: str = Field(
        "",
        validation_alias="MLFLOW_TRACKING_URI",
        description="MLflow's tracking server; empty means the SQLite file in PATRON_HOME/mlruns.",
    )
    bundles: Path | None = Field(
        None,
        description="Folder of bundles the service serves, or a link to one, which is followed;"
        " empty means those in the Bento.",
    )
    metrics_host: str = Field("127.0.0.1", description="Address at which metrics are told.")
    metrics_port: int | None = Field(
        None,
        ge=1,
        le=65535,
        description="Port of the metrics; empty means one above the service's.",
    )
    store: str = Field(
        "",
        description="SQLAlchemy URL of the store; empty means SQLite in PATRON_HOME/patron.db.",
    )

    @property
    def store_url(self) -> str:
        """Where the store is, what is known of customers between calls; a file by its full path."""
        place = self.store.removeprefix(SQLITE)
        if self.store and (place == self.store or place == ":memory:"):
            return self.store
        return f"{SQLITE}{Path(place).resolve() if place else self.home.resolve() / 'patron.db'}"

    @property
    def mlruns(self) -> Path:
        """The folder of MLflow's database and artifacts."""
        return self.home.resolve() / "mlruns"

    @property
    def tracking_uri(self) -> str:
        """Where MLflow tracks runs and registers models."""
        return self.mlflow_tracking_uri or f"sqlite:///{self.mlruns / 'mlflow.db'}"

    @property
    def releases(self) -> Path:
        """The folder of the champions that were fetched to serve."""
        return self.home.resolve() / "releases"

    @property
    def bentos(self) -> Path:
        """The folder in which BentoML keeps what it builds."""
        return self.home.resolve() / "bentos"


def read_settings() -> Settings:
    """Return the settings from the environment; an unknown PATRON_ name is refused."""
    fields = Settings.model_fields.items()
    known = {f"{PREFIX}{name.upper()}" for name, f in fields if not f.validation_alias}
    unknown = sorted(n for n in os.environ if n.startswith(PREFIX) and n not in known)
    if unknown:
        raise SettingsError(
            f"The environment sets {', '.join(unknown)}, which Patron does not know.",
            f"It knows {', '.join(sorted(known))}.",
        )
    try:
        return Settings()
    except ValidationError as error:
        bad = ", ".join(f"{PREFIX}{str(e['loc'][0]).upper()}: {e['msg']}" for e in error.errors())
        raise SettingsError(f"A setting has a value of the wrong form: {bad}.") from error
