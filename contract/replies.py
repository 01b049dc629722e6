"""What MLflow replies: nothing where a thing is absent, and patience where others write as well."""

import time
from collections.abc import Callable
from typing import Any

from contract.errors import RegistryError

ABSENT = ("RESOURCE_DOES_NOT_EXIST", "INVALID_PARAMETER_VALUE")  # the latter of an alias
# Seconds. Two who set one alias at once both insert it, and the database refuses the second.
PAUSES = (0.05, 0.2, 0.8, 0.0)


def ask(question: Callable[..., Any], *words: str) -> Any:
    """Return what MLflow answers, or None where it has no such thing."""
    from mlflow.exceptions import MlflowException

    try:
        return question(*words)
    except MlflowException as error:
        if error.error_code in ABSENT:
            return None
        raise _refusal(error.error_code) from error


def insist(order: Callable[..., Any], *words: str) -> None:
    """Have MLflow write what may be written twice; try again where somebody else wrote as well."""
    from mlflow.exceptions import MlflowException

    for pause in PAUSES:
        try:
            order(*words)
            return
        except MlflowException as error:
            refused = error
            if error.error_code in ABSENT:
                break
            time.sleep(pause)
    raise _refusal(refused.error_code) from refused


def _refusal(code: str) -> RegistryError:
    return RegistryError(f"MLflow refuses ({code}).", "See its log, and patron history; try again.")
