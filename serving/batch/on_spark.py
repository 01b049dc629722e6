"""A batch on Spark: every customer's rows brought together, answered by tasks, written once."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from functools import partial
from operator import attrgetter
from threading import Event, Thread
from typing import Any, Protocol

import pyarrow as pa
from pyspark import StorageLevel
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as f
from pyspark.sql.pandas.types import from_arrow_schema
from pyspark.sql.utils import is_remote

from contract.packed import Packed, digest_packed, unpack_bundles
from contract.tables import Layout, Tables
from features.distribute import pack
from features.gather import READ, list_listed
from features.parting import EVENTS, PRODUCTS
from features.rejects import TIMES
from features.session import no_word_of_pandas, open_session
from features.timeline import CUSTOMER
from serving.batch.asked import Asked
from serving.batch.manifest import Counts, Done, Manifest, Plan, Written
from serving.batch.planning import count_events
from serving.batch.run import Raw, Source, Tell, answer_part
from serving.batch.tasks import FORM, PART, REJECT, ROW, TOLD, WHAT, Sent, Task, as_frames
from serving.batch.work import WorkError
from serving.scorer import Scorer

EVENTS_OF_A_TASK = 400_000  # order lines and interactions: some 200 MB while it is worked on


class SparkSink(Protocol):
    """Where the rows of Spark's tasks go: aside, and then, all of them, where readers look."""

    @property
    def name(self) -> str:
        """What a person is told: without secrets."""

    def hold(self, plan: Plan) -> AbstractContextManager[Any]:
        """Keep others from the place, as a context."""

    def put(self, rows: DataFrame, rejected: DataFrame) -> int:
        """Keep all rows aside, and return how many they are there."""

    def publish(self) -> list[Written]:
        """Let readers see all rows, and return where they are."""

    def tell(self, manifest: Manifest) -> None:
        """Keep what is said of the whole batch: the last thing that is written."""


def run_on_spark(
    job: tuple[Source, Packed, Asked], plan: Plan, sink: SparkSink, tell: Tell
) -> Manifest:
    """Answer for every customer in the tables, which Spark reads once; return what was done."""
    session = open_session()
    refuse_remote()
    with sink.hold(plan), _watch(session, tell), _answer(session, job, plan) as answered:
        told = answered.where(f.col(WHAT) == PART).select(TOLD).toArrow()[TOLD].to_pylist()
        done = [Done.model_validate_json(one) for one in told]
        rows = answered.where(f.col(WHAT) == ROW).drop(WHAT, TOLD)
        rejected = answered.where(f.col(WHAT) == REJECT).select(CUSTOMER, TOLD)
        put = sink.put(rows, rejected)
        manifest = Manifest(
            plan=plan,
            counts=sum((one.counts for one in done), Counts()),
            table_rows={n: sum(one.table_rows[n] for one in done) for n in EVENTS},
            rows=sum(one.rows for one in done),
            written=(),
        )
        if put != manifest.rows:
            raise WorkError(
                f"Spark wrote {put:,} rows of {manifest.rows:,}.",
                "Score again; nothing was changed.",
            )
        whole = manifest.model_copy(update={"written": tuple(sink.publish())})
        sink.tell(whole)
    return whole


def refuse_remote() -> None:
    """Refuse a session of Spark Connect, through which nothing can be sent to executors once."""
    if is_remote():
        raise WorkError(
            "patron score cannot work over Spark Connect.", "Run it by spark-submit on the cluster."
        )


def count_tasks(tables: Tables) -> int:
    """Return into how many tasks Spark shall cut the tables; if unknown, its own number."""
    own = int(str(open_session().conf.get("spark.sql.shuffle.partitions")))
    return -(-count_events(tables) // EVENTS_OF_A_TASK) or own


@contextmanager
def _answer(
    session: SparkSession, job: tuple[Source, Packed, Asked], plan: Plan
) -> Iterator[DataFrame]:
    """Yield what the tasks say, kept on the executors' disks as long as somebody reads it."""
    source, packed, asked = job
    products = source.raw[PRODUCTS].collect("pyarrow").to_native()
    sent = Sent(packed, products)
    schema = find_schema(source, Scorer(unpack_bundles(packed)), asked)
    with _send(session, sent) as fetch:
        task = Task(source.layout, asked, schema, digest_packed(packed), fetch)
        rows = bring_together(source.raw, source.layout, plan.parts)
        with no_word_of_pandas():
            told = rows.mapInArrow(task.answer, from_arrow_schema(schema))
        kept = told.persist(StorageLevel.DISK_ONLY)
        try:
            yield kept
        finally:
            kept.unpersist()


def bring_together(raw: Raw, layout: Layout, parts: int) -> DataFrame:
    """Return the rows of all tables of events in so many partitions, each customer's in one."""
    read = {name: _list_read(name, layout) for name in EVENTS}
    rows = pack({name: raw[name].select(*read[name]) for name in EVENTS}, read)
    # Rows of nobody are counted, too: by their times they spread, instead of filling one task.
    times = [f.col(f"{name}.{TIMES[name]}") for name in EVENTS]
    return rows.repartition(parts, f.coalesce(CUSTOMER, *(t.cast("string") for t in times)))


def find_schema(source: Source, scorer: Scorer, asked: Asked) -> pa.Schema:
    """Return the columns of what tasks say, found by answering for a made-up customer.

    So what cannot be asked is refused before anything is read.
    """
    empty = {n: t.head(0).collect("pyarrow").to_native() for n, t in source.raw.items()}
    lines = empty["transactions"]
    one = {CUSTOMER: "nobody", "order_id": "none", "ordered_at_us": 0, "amount": 1.0}
    made = pa.Table.from_pylist([one], lines.schema)
    found, _, _ = answer_part(
        as_frames({**empty, "transactions": made}), source.layout, scorer, asked
    )
    return pa.schema([*FORM, *found.rows.schema])


def _list_read(name: str, layout: Layout) -> tuple[str, ...]:
    """Return the columns of a table that answers and rejects follow from."""
    names = {"at_us": TIMES[name]}
    read = list_listed(layout) if name == "customers" else READ[name]
    own = ("currency",) if name == "transactions" else ()
    return (*(names.get(column, column) for column in read), *own)


@contextmanager
def _send(session: SparkSession, sent: Sent) -> Iterator[Callable[[], Sent]]:
    """Yield what gives a task what was sent, once to each machine."""
    broadcast = session.sparkContext.broadcast(sent)
    try:
        yield partial(attrgetter("value"), broadcast)
    finally:
        broadcast.destroy()


@contextmanager
def _watch(session: SparkSession, tell: Tell) -> Iterator[None]:
    """Tell how many of the tasks at hand are done, until the work is."""
    tracker, ended = session.sparkContext.statusTracker(), Event()

    def look() -> None:
        while not ended.wait(0.5):
            stages = [tracker.getStageInfo(number) for number in tracker.getActiveStageIds()]
            found = [stage for stage in stages if stage]
            if total := sum(stage.numTasks for stage in found):
                tell("tasks", sum(stage.numCompletedTasks for stage in found), total)

    watcher = Thread(target=look, daemon=True)
    watcher.start()
    try:
        yield
    finally:
        ended.set()
        watcher.join()
