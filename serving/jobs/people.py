"""Whom a job is about, and what is known of them."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial

import polars as pl

from contract.tables import Layout, Tables
from features.engines import open_tables
from serving.jobs.grouped import LINE, SOUND, group
from serving.jobs.job import STORE, UPLOAD, Job
from serving.jobs.pieces import lay_out
from serving.jobs.sources import find_source
from serving.jobs.tables import make_record, open_named
from serving.jobs.uploads import OWNER, UploadError, is_list, name_owner, open_upload
from serving.routes.records import Record
from serving.routes.stored import Joined, join_all
from serving.store.held import list_customers
from serving.store.opened import Store

AT_ONCE = 20_000  # customers listed in one step

Join = Callable[[Mapping[str, Record]], Joined]
Tell = Callable[[str], Record]


@dataclass(frozen=True)
class People:
    """Customers, some at a time, and how many lines were left out.

    `tell` is what was told of one, `join` adds to records what else is known.
    """

    parts: Iterator[list[str]]
    left_out: int
    tell: Tell
    join: Join


@contextmanager
def find_people(store: Store, job: Job) -> Iterator[People]:
    """Yield whom the job is about, as long as somebody reads of them."""
    if job.source == STORE:
        yield _join_store(store, list_customers(store))
    elif job.source == UPLOAD:
        with lay_out(store, job.job_id) as (file, form):
            yield _read_upload(store, open_upload(file, form))
    else:
        named = open_named(find_source(store, job.source))
        yield People(_slice(named.ids), 0, named.tell, named.join)


def _join_store(store: Store, parts: Iterator[list[str]], left_out: int = 0) -> People:
    """Return customers of whom nothing is told but who they are."""
    return People(parts, left_out, make_record, partial(join_all, store=store))


def _read_upload(store: Store, frame: pl.LazyFrame) -> People:
    try:
        return _read_list(store, frame) if is_list(frame) else _read_lines(store, frame)
    except pl.exceptions.PolarsError as error:
        # Polars reads a file to its end only now. Its message may hold rows.
        found = f"The upload cannot be read to its end ({type(error).__name__})."
        raise UploadError(found, "Write it again, as many values in each row as names.") from None


def _read_list(store: Store, frame: pl.LazyFrame) -> People:
    ids = frame.select(name_owner(frame).alias(OWNER)).collect()[OWNER]
    sound = ids.filter(ids.str.contains(SOUND).fill_null(False))
    return _join_store(store, _slice(sound.unique().sort().to_list()), len(ids) - len(sound))


def _read_lines(store: Store, frame: pl.LazyFrame) -> People:
    """Return the customers of order lines, which are read as every table of a shop is."""
    everything = frame.select(pl.len()).collect().item()
    opened = open_tables(Tables({"transactions": frame}, Layout())).transactions
    lines = group(opened.to_native(), LINE)

    def tell(who: str) -> Record:
        return make_record(who, transactions=lines.find_lines(who))

    left_out = everything - len(lines)
    return People(_slice(list(lines.places)), left_out, tell, partial(join_all, store=store))


def _slice(ids: list[str]) -> Iterator[list[str]]:
    return (ids[first : first + AT_ONCE] for first in range(0, len(ids), AT_ONCE))
