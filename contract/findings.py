"""What a check finds: a broken rule, where, how often, and what to do."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

import narwhals.stable.v2 as nw

from contract.rules import Severity


@dataclass(frozen=True)
class Finding:
    """A rule that is broken: where, how often, one example, and what to do."""

    severity: Severity
    table: str
    column: str
    rule: str
    rows: int
    example: str
    to_do: str


@dataclass(frozen=True)
class Checked:
    """What the tables hold, and every rule they break."""

    summary: Mapping[str, Any]
    findings: tuple[Finding, ...]

    @property
    def trainable(self) -> bool:
        """Whether no finding would make training wrong."""
        return not any(f.severity == "error" for f in self.findings)

    def as_json(self) -> dict[str, Any]:
        """Return it as JSON-ready values."""
        findings = [asdict(f) for f in self.findings]
        return {"trainable": self.trainable, "summary": dict(self.summary), "findings": findings}


def count_rows(rows: nw.LazyFrame, column: str, finding: Finding) -> list[Finding]:
    """Return the finding with as many rows as there are, or nothing where there are none."""
    found = take_one(rows.select(rows=nw.len(), example=nw.col(column).min()))
    return [fill(finding, found)] if found["rows"] else []


def fill(finding: Finding, found: Mapping[str, Any]) -> Finding:
    """Return the finding with the rows and the example that were found."""
    example = "" if found["example"] is None else str(found["example"])
    told = {**asdict(finding), "rows": int(found["rows"]), "example": example}
    return Finding(**told)


def take_one(frame: nw.LazyFrame) -> dict[str, Any]:
    """Return the first row of a frame as plain values."""
    table = frame.collect("pyarrow").to_native()
    return {name: table[name][0].as_py() for name in table.column_names}
