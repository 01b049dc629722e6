"""Who was champion, when and why: on SQLite as on PostgreSQL, whoever writes at the same time."""

from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from datetime import UTC, datetime

import pytest
from mlflow import MlflowClient
from mlflow.exceptions import MlflowException
from mlflow.protos.databricks_pb2 import BAD_REQUEST
from mlflow.protos.databricks_pb2 import TEMPORARILY_UNAVAILABLE as BUSY

from contract.errors import GateError, RegistryError
from contract.journal import write_decision
from contract.registry import CHALLENGER, CHAMPION, PREVIOUS, Registry, open_registry
from contract.replies import insist
from tests.training.versions import make_bundle, register


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def books(request, new_home):
    on_postgres = request.param == "postgresql"
    settings = new_home(uri=request.getfixturevalue("scratch_database") if on_postgres else "")
    registry = open_registry(settings)
    assert settings.tracking_uri.partition(":")[0].partition("+")[0] == request.param
    return settings, registry


@pytest.fixture(scope="module")
def bundles(tmp_path_factory):
    folder = tmp_path_factory.mktemp("bundles")
    return {target: make_bundle(folder, target) for target in ("churn", "next_purchase")}


def tell(registry, target):
    return [(t.version, t.how, t.reason, t.serves) for t in registry.history(target)]


def test_promotions_and_rollbacks_are_told_with_their_reasons(books, bundles):
    settings, registry = books
    with pytest.raises(RegistryError, match=r"patron-churn is not registered\. Make it"):
        registry.history("churn")
    began = datetime.now(UTC)
    for reason in ("the first", "better", "better still"):
        gate = write_decision(True, ()) if reason == "better" else {}
        register(bundles["churn"], settings, registry, **gate)
        registry.promote("churn", reason)
    assert registry.find("churn", PREVIOUS).number == "2"
    assert registry.rollback("churn", "complaints").number == "2"
    assert registry.find("churn", CHAMPION).number == "2"
    assert registry.rollback("churn").number == "1"
    with pytest.raises(RegistryError, match="patron-churn has no version before its champion"):
        registry.rollback("churn")
    assert registry.find("churn", CHAMPION).number == "1"
    assert tell(registry, "churn") == [
        ("1", "promoted", "the first", False),
        ("2", "promoted", "better", False),
        ("3", "promoted", "better still", False),
        ("2", "rolled_back", "complaints", False),
        ("1", "rolled_back", "", True),
    ]
    terms = registry.history("churn")
    decision = terms[1].decision
    assert (decision.target, decision.version, decision.verdict) == ("churn", "2", "passed")
    assert terms[0].decision is None
    assert [t.until for t in terms] == [*(t.since for t in terms[1:]), None]
    assert began <= terms[0].since < terms[-1].since <= datetime.now(UTC)


def test_what_the_gate_refused_is_promoted_only_despite_that(books, bundles):
    settings, registry = books
    gate = write_decision(False, ["stability: 41% flip; at most 30% may"])
    number = register(bundles["churn"], settings, registry, **gate).number
    with pytest.raises(GateError) as refused:
        registry.promote("churn")
    assert str(refused.value) == (
        f"The gate refused patron-churn version {number}: stability: 41% flip; at most 30% may."
        " Train another, or promote this one all the same: --despite REASON."
    )
    assert registry.find("churn", CHALLENGER).number == number
    registry.promote("churn", "the shop was sold", despite=True)
    last = registry.history("churn")[-1]
    assert (last.version, last.reason, last.serves) == (number, "the shop was sold", True)
    assert last.decision.verdict == "refused"
    assert last.decision.reasons == ("stability: 41% flip; at most 30% may",)


def test_a_reason_longer_than_mlflow_keeps_promotes_nothing(books, bundles):
    settings, registry = books
    number = register(bundles["churn"], settings, registry).number
    with pytest.raises(RegistryError, match="characters; MLflow keeps 5,000"):
        registry.promote("churn", "why " * 2000)
    assert registry.find("churn", CHALLENGER).number == number
    assert registry.find("churn", CHAMPION).number != number


def test_an_alias_set_by_hand_is_told_apart(books, bundles):
    settings, registry = books
    number = register(bundles["churn"], settings, registry).number
    registry.client.set_registered_model_alias("patron-churn", CHAMPION, number)
    *_, last = registry.history("churn")
    assert (last.version, last.how, last.since, last.serves) == (
        number,
        "set_by_others",
        None,
        True,
    )


def test_a_version_that_is_gone_is_not_gone_back_to(books, bundles):
    settings, registry = books
    for _ in range(3):
        register(bundles["next_purchase"], settings, registry)
        registry.promote("next_purchase")
    registry.client.delete_model_version("patron-next_purchase", "1")
    assert registry.rollback("next_purchase").number == "2"
    with pytest.raises(RegistryError, match="has no version before its champion"):
        registry.rollback("next_purchase")


def test_writers_at_the_same_time_all_leave_their_record(books, bundles):
    settings, registry = books
    numbers = [register(bundles["churn"], settings, registry).number for _ in range(4)]
    before = len([t for t in registry.history("churn") if t.since])
    name = "patron-churn"

    def promote(writer):
        own = Registry(MlflowClient(settings.tracking_uri, settings.tracking_uri))
        for _ in range(100):  # another writer may have promoted our challenger
            with suppress(RegistryError, MlflowException):
                own.client.set_registered_model_alias(name, CHALLENGER, numbers[writer % 4])
                return own.promote("churn", f"writer {writer}")
        raise AssertionError("never promoted")

    with ThreadPoolExecutor(6) as writers:
        assert all(writers.map(promote, range(6)))
    terms = registry.history("churn")
    mine = [t.reason for t in terms if t.reason.startswith("writer")]
    assert sorted(mine) == [f"writer {n}" for n in range(6)]
    assert len([t for t in terms if t.since]) == before + 6
    assert [t.version for t in terms if t.serves] == [registry.find("churn", CHAMPION).number]


def test_what_mlflow_refuses_for_a_while_is_written_in_the_end(books):
    _, registry = books
    refusals = [MlflowException("both inserted", error_code=c) for c in (BAD_REQUEST, BUSY)]
    written = []

    def write(*words):
        if refusals:
            raise refusals.pop()
        written.append(words)

    insist(write, "champion", "1")
    assert written == [("champion", "1")]
    with pytest.raises(RegistryError, match=r"MLflow refuses \(RESOURCE_DOES_NOT_EXIST\)"):
        insist(registry.client.set_registered_model_alias, "patron-churn", CHAMPION, "999")


class Meanwhile:
    """A client at whose change of champion somebody else registers a newer challenger."""

    def __init__(self, client, newer):
        self.client, self.newer = client, newer

    def __getattr__(self, name):
        return getattr(self.client, name)

    def set_registered_model_alias(self, name, alias, version):
        self.client.set_registered_model_alias(name, alias, version)
        if alias == CHAMPION:
            self.client.set_registered_model_alias(name, CHALLENGER, self.newer)


def test_a_challenger_that_comes_meanwhile_stays_one(books, bundles):
    settings, registry = books
    first, second = (register(bundles["churn"], settings, registry).number for _ in range(2))
    registry.client.set_registered_model_alias("patron-churn", CHALLENGER, first)
    assert Registry(Meanwhile(registry.client, second)).promote("churn").number == first
    assert registry.find("churn", CHAMPION).number == first
    assert registry.find("churn", CHALLENGER).number == second
