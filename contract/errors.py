"""Every error Patron raises: what was found, where, and what to do."""


class PatronError(Exception):
    """Something a person can put right; shown as one message, never as a traceback."""

    code = "error"

    def __init__(self, found: str, to_do: str = "") -> None:
        super().__init__(f"{found} {to_do}".strip())
        self.found = found
        self.to_do = to_do


class BusyError(PatronError):
    """Another process is at work on the same thing: nothing is wrong, and it need not be done."""

    code = "busy"


class TablesError(PatronError):
    """The tables that came in cannot be used as they are."""

    code = "tables"


class HistoryError(PatronError):
    """There is too little history, or too few customers, for what was asked."""

    code = "history"


class BundleError(PatronError):
    """A trained model on disk is incomplete, changed, or of another form."""

    code = "bundle"


class RegistryError(PatronError):
    """The registry has no such model, version or alias."""

    code = "registry"


class GateError(RegistryError):
    """A challenger did not pass the gate."""

    code = "gate"


class ForgedError(RegistryError, BundleError):
    """The registry hands out another bundle than was registered."""

    code = "forged"


class SettingsError(PatronError):
    """A setting has a name or a value that Patron does not know."""

    code = "settings"
