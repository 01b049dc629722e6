"""Two small models, in memory."""

import pytest

from contract.bundle import load_bundles
from serving.scorer import Scorer
from tests.serving.bundles import make_bundles


@pytest.fixture(scope="module")
def scorer(tmp_path_factory: pytest.TempPathFactory) -> Scorer:
    return Scorer(load_bundles(make_bundles(tmp_path_factory.mktemp("bundles"))))
