"""Which language a caller wants to read."""

from serving.reasons.words import LANGUAGES, Language

MOST = 20  # languages read of one header


def choose_language(header: str) -> Language:
    """Return the language of ours that an Accept-Language header puts first; English if none.

    RFC 9110, 12.5.4: `zh-CN,zh;q=0.9,en;q=0.8`; of languages alike the first counts, and a weight
    that is no number weighs nothing.
    """
    best: Language = "en"
    weight = 0.0
    for told in header.split(",")[:MOST]:
        name, _, rest = told.strip().partition(";")
        found = _find(name.strip().lower())
        given = _weigh(rest)
        if found and given > weight:
            best, weight = found, given
    return best


def _find(name: str) -> Language | None:
    if name == "*":
        return "en"
    return next((own for own in LANGUAGES if name.partition("-")[0] == own), None)


def _weigh(parameters: str) -> float:
    name, _, number = parameters.partition("=")
    if not name.strip():
        return 1.0
    try:
        weight = float(number) if name.strip().lower() == "q" else 0.0
    except ValueError:
        return 0.0
    return weight if 0 <= weight <= 1 else 0.0
