"""Why an answer moved between two receipts: time that passed, rows that came, another model.

Each part is its mean share over the orders in which the three can have happened. Rows come as time
passes, so that time always goes before them; the model may have changed at any point. The parts add
up to the whole movement, whatever the models are.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from contract.models import log_odds
from serving.receipts.figures import Figures, Key, Measure, Models, make_figures, name_measure
from serving.receipts.figures import read_figures as read
from serving.receipts.kept import Kept

Ends = tuple[Kept, Kept]
Corners = Sequence[Sequence[Figures]]


@dataclass(frozen=True)
class Shares:
    """What each of the three adds to a movement."""

    data: float
    time: float
    model: float

    def turn(self) -> "Shares":
        """Return the same of the way back."""
        return Shares(-self.data, -self.time, -self.model)


@dataclass(frozen=True)
class Movement:
    """How far one figure moved, and by what; without shares where an end does not speak of it."""

    key: Key
    measure: Measure
    first: float | None
    last: float | None
    shares: Shares | None = None
    log_odds: Shares | None = None

    def turn(self) -> "Movement":
        """Return the same of the way back."""
        shares = self.shares and self.shares.turn()
        odds = self.log_odds and self.log_odds.turn()
        return Movement(self.key, self.measure, self.last, self.first, shares, odds)


def find_movements(ends: Ends, models: tuple[Models, Models]) -> list[Movement]:
    """Return how far each figure of a target that both receipts are of moved, and by what."""
    if ends[0].as_of_us > ends[1].as_of_us:  # what came last is what went away
        back = find_movements((ends[1], ends[0]), (models[1], models[0]))
        return [movement.turn() for movement in back]
    told, corners = (read(ends[0]), read(ends[1])), _measure_corners(ends, models)
    return [
        movement
        for target, bundle in models[0].items()
        if target in models[1]
        for movement in _explain(target, name_measure(bundle), (told, corners))
    ]


def is_as_told(kept: Kept, models: Models) -> bool:
    """Return whether its rows, read anew, make the figures that the answer tells."""
    made = make_figures(kept.told, kept.as_of_us, models)
    return all(made.get(key) == figure for key, figure in read(kept).items())


def _measure_corners(ends: Ends, models: tuple[Models, Models]) -> Corners:
    """Return, by each of the models, the figures at first, once time passed, and once rows came."""
    first, last = ends
    made: list[Sequence[Figures]] = []
    for own in models:
        if made and _name(models[0]) == _name(own):
            return [made[0], made[0]]
        begun = make_figures(first.told, first.as_of_us, own)
        later = make_figures(first.told, last.as_of_us, own)
        ended = make_figures(last.told, last.as_of_us, own)
        made.append((begun, later, ended))
    return made


def _name(models: Models) -> dict[str, str]:
    return {target: bundle.sha256 for target, bundle in models.items()}


def _explain(
    target: str, measure: Measure, of: tuple[tuple[Figures, Figures], Corners]
) -> list[Movement]:
    """Return the movements of a target's figures, of each category where it ranks them."""
    (first, last), (before, after) = of
    keys = [key for key in dict.fromkeys([*first, *last]) if key[0] == target]
    found = []
    for key in keys or [(target, None)]:
        told = first.get(key), last.get(key)
        if None in told and key[1] is None:
            found.append(Movement(key, measure, *told))
            continue
        # What was told stands at the ends, and between them what would have been.
        corners = [[step.get(key, 0.0) for step in steps] for steps in (before, after)]
        corners[0][0] = corners[0][0] if told[0] is None else told[0]
        corners[1][2] = corners[1][2] if told[1] is None else told[1]
        odds = _divide(corners, log_odds) if measure == "probability" else None
        shares = _divide(corners, lambda figure: figure)
        found.append(Movement(key, measure, corners[0][0], corners[1][2], shares, odds))
    return found


def _divide(corners: Sequence[Sequence[float]], scale: Callable[[float], float]) -> Shares:
    """Return each one's mean share over the three orders in which time goes before rows."""
    (begun, later, ended), (begun_by, later_by, ended_by) = [
        [float(scale(figure)) for figure in steps] for steps in corners
    ]
    return Shares(
        data=((ended - later) + 2 * (ended_by - later_by)) / 3,
        time=(2 * (later - begun) + (later_by - begun_by)) / 3,
        model=((begun_by - begun) + (later_by - later) + (ended_by - ended)) / 3,
    )
