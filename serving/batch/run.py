"""A batch from tables to rows: part by part, each done once, whatever stops it between two."""

import json
import shutil
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Protocol

import narwhals.stable.v2 as nw
import polars as pl
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from contract.moments import as_micros, as_utc
from contract.tables import Layout
from features.engines import pick_usable
from features.gather import gather
from features.parting import open_part, part_tables
from features.rejects import CODES, WHY, find_rejects
from features.timeline import CUSTOMER
from serving.batch.answer import Answered, answer_whole
from serving.batch.asked import Asked
from serving.batch.disk import move, write_parquet, write_whole
from serving.batch.manifest import Counts, Manifest, Part, Plan, Written
from serving.batch.processes import do_parts
from serving.batch.work import Work, open_work
from serving.scorer import Scorer

Raw = Mapping[str, nw.LazyFrame]
Tell = Callable[[str, int, int], None]  # the step at hand, how much is done, of how much

REJECTED = pa.schema([(n, pa.string()) for n in (CUSTOMER, "code", "why")])


class Sink(Protocol):
    """Where rows go: a part at a time, then all of them, then what is said of them."""

    @property
    def name(self) -> str:
        """What a person is told: without secrets."""

    def check(self, asked: Asked) -> None:
        """Refuse what cannot go there, before any work is done."""

    def put(self, work: Work, number: int, found: Answered) -> str:
        """Keep the rows of a part, once and for all, and return their file's sha256 if any."""

    def publish(self, work: Work, numbers: Sequence[int]) -> list[Written]:
        """Let readers see all rows, and return where they are."""

    def reject(self, work: Work, rejected: pa.Table) -> None:
        """Keep who has no answer, and why."""

    def tell(self, manifest: Manifest) -> None:
        """Keep what is said of the whole batch: the last thing that is written."""


@dataclass(frozen=True)
class Source:
    """A shop's typed tables with all their rows, and how they are laid out."""

    raw: Raw
    layout: Layout


@dataclass(frozen=True)
class Job:
    """What every part of a batch has in common; it is sent to every process that works on it."""

    scorer: Scorer
    asked: Asked
    layout: Layout
    work: Work
    sink: Sink


def run(
    asked: tuple[Source, Scorer, Asked], plan: Plan, place: tuple[Path, Sink], tell: Tell
) -> Manifest:
    """Answer for every customer in the tables, and return what was done.

    `place` is the work folder and the sink. The same plan goes on where it was stopped.
    """
    (source, scorer, wanted), (folder, sink) = asked, place
    with open_work(folder, plan) as work:
        table_rows = _part(source.raw, plan.parts, work, tell)
        job = Job(scorer, wanted, source.layout, work, sink)
        left = [n for n in range(plan.parts) if work.find_done(n) is None]
        for _ in do_parts(partial(do_part, job), left, sum(table_rows.values()) // plan.parts):
            _tell_done(work, plan.parts, tell)
        parts = [work.read_done(n) for n in range(plan.parts)]
        written = sink.publish(work, range(plan.parts))
        rejected = [pq.read_table(work.rejects(n)) for n in range(plan.parts)]
        sink.reject(work, pa.concat_tables(rejected))
        manifest = Manifest(
            plan=plan,
            counts=sum((part.counts for part in parts), Counts()),
            table_rows=table_rows,
            rows=sum(part.rows for part in parts),
            written=tuple(written),
        )
        sink.tell(manifest)
        work.drop()
    return manifest


def _tell_done(work: Work, parts: int, tell: Tell) -> None:
    done = [part.counts.customers for n in range(parts) if (part := work.find_done(n))]
    tell("customers", sum(done), sum(done) * parts // len(done))


def _part(raw: Raw, parts: int, work: Work, tell: Tell) -> dict[str, int]:
    """Have the tables in parts, and return how many rows each has."""
    if not work.tables.exists():
        unfinished = work.folder / "tables.unfinished"
        shutil.rmtree(unfinished, ignore_errors=True)
        unfinished.mkdir()
        counts = part_tables(raw, parts, unfinished, lambda done: tell("rows", done, 0))
        write_whole(unfinished / "rows.json", json.dumps(counts).encode())
        move(unfinished, work.tables)
    counted: dict[str, int] = json.loads((work.tables / "rows.json").read_text())
    return counted


def do_part(job: Job, number: int) -> None:
    """Answer for the customers of one part, and say that it is done."""
    raw = open_part(job.work.tables, number)
    found, rejected, counts = answer_part(raw, job.layout, job.scorer, job.asked)
    write_parquet(job.work.rejects(number), [rejected], REJECTED)
    sha256 = job.sink.put(job.work, number, found)
    job.work.mark_done(number, Part(counts=counts, rows=len(found.rows), sha256=sha256))


def answer_part(
    raw: Raw, layout: Layout, scorer: Scorer, asked: Asked
) -> tuple[Answered, pa.Table, Counts]:
    """Return the rows of customers whose tables are whole here, who has none, and the counts."""
    rejected = list_rejects(raw, layout, asked)
    history = gather(pick_usable(raw, layout))
    refused = pc.is_in(history.ids, rejected[CUSTOMER].cast(history.ids.type))
    known = history.choose(~refused.to_numpy(zero_copy_only=False))
    found = answer_whole(scorer, known, asked)
    told = {c: n for c in CODES if (n := pc.sum(pc.equal(rejected["code"], c)).as_py())}
    answered = len(pc.unique(found.rows[CUSTOMER]))
    counts = Counts(
        customers=len(known) + len(rejected),
        answered=answered,
        outside=len(known) - answered,
        rejected=told,
    )
    return found, rejected, counts


def list_rejects(raw: Raw, layout: Layout, asked: Asked) -> pa.Table:
    """Return who of these tables has no answer, in the order of customer_id, and why."""
    found: Any = find_rejects(raw, layout, as_micros(as_utc(asked.as_of))).collect("polars")
    told = pl.DataFrame(found.to_native()).sort(CUSTOMER)
    why = [WHY[code] for code in told["code"]]
    columns = {
        CUSTOMER: told[CUSTOMER],
        "code": told["code"],
        "why": pl.Series(why, dtype=pl.String),
    }
    return pl.DataFrame(columns).to_arrow(compat_level=pl.CompatLevel.oldest()).cast(REJECTED)
