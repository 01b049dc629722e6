"""Targets of the shop's own, from a file that declares each as a function."""

import runpy
from pathlib import Path

from contract.answers import Answer
from contract.errors import HistoryError, PatronError
from training.targets import TARGETS


def load_targets(file: Path) -> list[str]:
    """Return the names of the targets that a Python file declares; it is run to find them.

    Each is a chance: a worth or a choice would have to be answered in a form of its own.
    """
    before = set(TARGETS)
    try:
        runpy.run_path(str(file))
    except PatronError:
        raise
    except (Exception, SystemExit) as error:
        raise HistoryError(
            f"{file} cannot be run: {type(error).__name__}: {error}.", "Run it with Python alone."
        ) from error
    found = [name for name in TARGETS if name not in before]
    others = [name for name in found if TARGETS[name].kind != "chance"]
    taken = [name for name in found if name in Answer.model_fields]
    if taken:
        raise HistoryError(
            f"An answer has a field {taken[0]} already.", "Name the function otherwise."
        )
    if others or not found:
        raise HistoryError(
            f"{file} declares {', '.join(others) or 'no target'}; your own must be chances.",
            "Declare a function under @target, as docs/training.md shows.",
        )
    return found
