"""What goes wrong where the rows of a batch go."""

from contract.errors import PatronError


class SinkError(PatronError):
    """Rows cannot go where they should."""

    code = "sink"
