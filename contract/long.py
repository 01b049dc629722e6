"""A batch's rows told one target at a time: for tables that hold the target in the key."""

from collections.abc import Iterator, Sequence

import numpy as np
import pyarrow as pa

from contract.flat import list_target_columns

TARGET, VERSION, VERSIONS = "target", "model_version", "model_versions"
REASON = "reason_"


def pick_targets(rows: pa.Table, targets: Sequence[str], everyone: Sequence[str]) -> pa.Table:
    """Return the rows without the columns of targets of `everyone` that are not among `targets`."""
    left = {c for name in everyone if name not in targets for c in list_target_columns(name)}
    return rows.select([name for name in rows.column_names if name not in left])


def lengthen(rows: pa.Table, targets: Sequence[str]) -> pa.Table:
    """Return a row per customer and target, in the order of both, under names without the target.

    What a target does not tell is null.
    """
    named = {target: dict(_name_columns(rows, target)) for target in targets}
    told = {column for columns in named.values() for column in columns}
    common = [c for c in rows.column_names if c not in told and c != VERSIONS]
    versions = _read_versions(rows)
    parts = []
    for target, columns in named.items():
        beside = {TARGET: target, VERSION: versions.get(target)}
        fields = {c: rows[c] for c in common}
        fields |= {n: pa.array([value] * len(rows), pa.string()) for n, value in beside.items()}
        parts.append(pa.table(fields | {n: rows[c] for c, n in columns.items()}))
    joined = pa.concat_tables(parts, promote_options="default")
    by_customer = np.arange(len(joined)).reshape(len(targets), len(rows)).T.ravel()
    return joined.take(pa.array(by_customer)).select(_order(joined.column_names))


def _name_columns(rows: pa.Table, target: str) -> Iterator[tuple[str, str]]:
    own = list_target_columns(target)
    for column in rows.column_names:
        if column in own:
            yield column, own[column]
        elif column.startswith(f"{target}_") and REASON in column:
            yield column, column.removeprefix(f"{target}_")


def _read_versions(rows: pa.Table) -> dict[str, str]:
    """Return the version of each target's model; all rows of a batch are told by the same."""
    first = rows[VERSIONS][0].as_py() if len(rows) else ""
    pairs = (told.rpartition(":") for told in first.split(",") if told)
    return {target: version for target, _, version in pairs}


def _order(columns: Sequence[str]) -> list[str]:
    keys = ["customer_id", "as_of", TARGET]
    return keys + [name for name in columns if name not in keys]
