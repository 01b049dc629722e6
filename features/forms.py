"""How times and numbers are written in text: what every engine reads, and what none does."""

_TIME = r"([01]\d|2[0-3]):[0-5]\d(:[0-5]\d(\.\d+)?)?"

# ISO 8601 as shops write it: with or without a time, a zone, seconds, fractions of them.
NAIVE = rf"^\d{{4}}-\d{{2}}-\d{{2}}([T ]{_TIME})?$"
ZONED = rf"^\d{{4}}-\d{{2}}-\d{{2}}[T ]{_TIME}(Z|[+-]\d{{2}}(:?\d{{2}})?)$"

NUMBER = r"^ *[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)? *$"
