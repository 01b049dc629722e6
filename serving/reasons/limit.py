"""How many records may be explained at once: it costs some ten times what answering does."""

from serving.problems import RefusalError
from serving.requests import point

MOST_EXPLAINED = 100


def refuse_many(records: int) -> None:
    """Refuse to explain more records than one request may hold."""
    if records > MOST_EXPLAINED:
        expected = f"Up to {MOST_EXPLAINED} records are explained at once; {records} were told."
        fault = point(["records"], "too_many_to_explain", expected)
        detail = "Split the records over more requests, or ask without reasons."
        raise RefusalError("wrong_form", detail, errors=[fault])
