"""The front door: one verb per job; a room is imported only when its verb is called."""

import argparse
import gc
import json
import os
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from contract.errors import BusyError, PatronError
from contract.moments import read_moment
from contract.settings import Settings, read_settings
from progress import show_progress, show_rate, show_steps

if TYPE_CHECKING:
    from threading import Event

    from contract.tables import Tables
    from serving.batch.asked import Asked
    from serving.scorer import Scorer
    from serving.store.opened import Store

Arguments = argparse.Namespace
Verb = Callable[[Arguments, Settings], int]

OK, WRONG, BUSY, STOPPED = 0, 1, 3, 130

ENGINES = ("polars", "duckdb", "_duckdb", "pyspark", "py4j")
UNREADABLE = (
    "A table cannot be read to its end ({}). Write it again: CSV in UTF-8, with commas, and as many"
    " values in every row as there are names in the first."
)


def main(words: Sequence[str] | None = None) -> int:
    """Run one verb and return the exit status: 0 done, 1 refused or failed, 2 not understood.

    3 is that another process does it already, 130 that it was stopped by a key.
    """
    arguments = read_words().parse_args(words)
    try:
        verb: Verb = arguments.verb
        return verb(arguments, read_settings())
    except KeyboardInterrupt:
        print("patron: stopped.", file=sys.stderr)
        return STOPPED
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return OK
    except Exception as error:
        print(f"patron: {explain(error)}", file=sys.stderr)
        return BUSY if isinstance(error, BusyError) else WRONG


def explain(error: Exception) -> str:
    """Return what a person can put right about an error; one that is our own fault is raised."""
    if isinstance(error, PatronError):
        return str(error)
    if isinstance(error, OSError):
        place = error.filename or "A file"
        return f"{place} cannot be used: {error.strerror or error}. Name another place."
    # An engine reads a file to its end only when it computes. Its message may hold rows.
    kind = type(error)
    if kind.__module__.partition(".")[0] in ENGINES or kind.__name__ == "ComputeError":
        return UNREADABLE.format(kind.__name__)
    raise error


def read_words() -> argparse.ArgumentParser:
    """Return the parser of every verb and its options."""
    parser = argparse.ArgumentParser(prog="patron", description="Score customers for a CRM.")
    verbs = parser.add_subparsers(required=True, metavar="VERB")

    def add(name: str, verb: Verb, about: str, tables: bool = False) -> argparse.ArgumentParser:
        made = verbs.add_parser(name, help=about, description=about)
        made.set_defaults(verb=verb)
        if tables:
            _add_tables(made)
        return made

    shop = add("shop", make_shop, "Invent a shop: four tables with planted truth.")
    for option, default in (("--customers", 2000), ("--months", 24), ("--seed", 7)):
        shop.add_argument(option, type=int, default=default, help=f"default {default}")
    shop.add_argument(
        "--no-signal", action="store_true", help="customers all alike: nothing foretells an order"
    )
    shop.add_argument("--no-season", action="store_true", help="every part of the year alike")
    shop.add_argument("--step-up", action="store_true", help="some come to spend more an order")
    shop.add_argument("--out", type=Path, required=True, help="folder to write")

    checks = add("check", check_tables, "Count every rule the tables break.", tables=True)
    checks.add_argument("--json", action="store_true", help="print JSON")

    made = add("features", make_features, "Write a row of features per customer.")
    _add_tables(made, needed=False)
    made.add_argument("--as-of", action="append", type=str, help="moment; give several for more")
    made.add_argument("--out", type=Path, help="file to write: .parquet or .csv")
    made.add_argument("--describe", action="store_true", help="print the data dictionary")

    train = add("train", train_targets, "Learn, judge out of time, register.", tables=True)
    train.add_argument("--as-of", required=True, help="only what happened before it is read")
    train.add_argument("--target", action="append", help="default: every target")
    train.add_argument(
        "--targets-from", type=Path, metavar="FILE.py", help="targets of your own, as functions"
    )
    train.add_argument("--horizon", type=int, help="days ahead; default: by the shop's own gaps")
    train.add_argument(
        "--repeats", action="store_true", help="cross-sell what was bought before, too"
    )
    train.add_argument(
        "--not-again", type=int, metavar="DAYS", help="cross-sell nothing bought in DAYS; 365"
    )
    train.add_argument(
        "--categories", metavar="A,B,C|FILE", help="cross-sell these only; a file has one a line"
    )
    train.add_argument(
        "--sample", type=int, metavar="N", help="learn from about N customers, chosen by a hash"
    )
    train.add_argument("--trials", type=int, default=0, help="of each family; default 0")
    train.add_argument("--timeout", type=float, help="seconds of trials of each family")
    train.add_argument("--report", type=Path, help="file to write the report to, as JSON")

    promote = add("promote", promote_targets, "Make challengers champions.")
    promote.add_argument("--target", action="append", help="default: every challenger")
    promote.add_argument("--reason", default="", help="why, for patron history")
    promote.add_argument(
        "--despite", metavar="REASON", help="promote what the gate refused, and why"
    )

    rollback = add("rollback", roll_back, "Make the version before the champion champion again.")
    rollback.add_argument("--target", help="default: the only one that can go back")
    rollback.add_argument("--reason", default="", help="why, for patron history")

    told = add("history", tell_history, "Say which version was champion when, and why.")
    told.add_argument("--target", action="append", help="default: every target registered")
    told.add_argument("--json", action="store_true", help="print JSON")

    add("load", load_tables, "Fill the store with the tables.", tables=True)

    score = add("score", score_tables, "Write a row of answers per customer.")
    _add_tables(score, needed=False)
    score.add_argument("--as-of", required=True, help="the moment to answer for")
    score.add_argument(
        "--out", help="where to: FILE.parquet, FILE.csv, FILE.duckdb, FOLDER, a SQL URL, store"
    )
    score.add_argument(
        "--targets", default="", help="targets to answer, with commas; all unless told"
    )
    score.add_argument("--reasons", type=int, default=0, help="reasons of each target (default 0)")
    score.add_argument("--language", choices=("en", "zh"), default="en", help="of reasons")
    score.add_argument("--where", default="", help='whom to answer for: "orders_365d >= 2"')
    score.add_argument("--long", action="store_true", help="a row per target, not one for all")
    score.add_argument("--parts", type=int, default=0, help="parts to work in; by size unless told")
    score.add_argument("--dry-run", action="store_true", help="say what would be done, and stop")
    score.add_argument("--json", action="store_true", help="print the summary as JSON")
    score.add_argument("--store", action="store_true", help="renew the answers in the store")

    replays = add("replay", replay_answer, "Make an answer again from its receipt.")
    replays.add_argument("receipt", help="of the answer")
    replays.add_argument("--json", action="store_true", help="print JSON")

    prunes = add("prune", prune_receipts, "Forget receipts of long ago.")
    prunes.add_argument("--older-than", type=int, required=True, metavar="DAYS", help="at least 1")

    add("build", build_bento, "Package the champions as a Bento.")

    _add_keys(add("keys", list_keys, "Make, list and revoke the keys that callers show."))

    serve = add("serve", serve_bento, "Answer over HTTP.")
    serve.add_argument("--host", default="127.0.0.1", help="default 127.0.0.1")
    serve.add_argument("--port", type=int, default=3000, help="default 3000")
    serve.add_argument("--metrics-host", help="where metrics are told; default 127.0.0.1")
    serve.add_argument("--metrics-port", type=int, help="default: one above --port")
    serve.add_argument(
        "--registry", action="store_true", help="serve MLflow's champions, and follow them"
    )
    serve.add_argument(
        "--poll", type=float, default=10, metavar="SECONDS", help="between looks; default 10"
    )

    add("worker", run_worker, "Do the jobs that callers left, until stopped.")
    _add_sources(add("sources", list_sources, "Name tables that jobs may be about."))
    _add_webhooks(add("webhooks", list_webhooks, "Say who is told that jobs ended."))
    _add_hooks(add("hooks", list_hooks, "Make and end the addresses of a CRM's webhooks."))
    _add_privacy(add("privacy", export_customer, "Erase a customer, or tell all that is held."))
    return parser


def _add_keys(parser: argparse.ArgumentParser) -> None:
    verbs = parser.add_subparsers(required=True, metavar="WHAT", help="create, list or revoke")
    made = verbs.add_parser("create", help="make a key and print it, this once")
    made.set_defaults(verb=create_key)
    made.add_argument("name", metavar="NAME", help="of the caller; two live keys a name")
    made.add_argument("--scopes", required=True, metavar="A,B", help="what it may; docs/keys.md")
    made.add_argument("--days", type=int, help="how long it counts; default: until revoked")
    made.add_argument(
        "--per-second", type=int, metavar="N", help="calls at most; default: no limit"
    )
    verbs.add_parser("list", help="say which keys there are").set_defaults(verb=list_keys)
    gone = verbs.add_parser("revoke", help="make a key count no more")
    gone.set_defaults(verb=revoke_key)
    gone.add_argument("key_id", metavar="ID", help="as patron keys list tells it")


def _add_sources(parser: argparse.ArgumentParser) -> None:
    whats = parser.add_subparsers(required=True, metavar="WHAT", help="add, list, remove")
    made = whats.add_parser("add", help="give tables a name, which is all that a job tells")
    made.set_defaults(verb=add_source)
    made.add_argument("name", metavar="NAME", help="up to 48 of a-z 0-9 _ -")
    made.add_argument("tables", help="folder, tables.toml or SQL URL, as workers see it")
    made.add_argument("--preset", help="a named layout: online_retail_ii, completejourney")
    whats.add_parser("list", help="say which there are").set_defaults(verb=list_sources)
    gone = whats.add_parser("remove", help="make the name stand for nothing")
    gone.set_defaults(verb=remove_source)
    gone.add_argument("name", metavar="NAME", help="as patron sources list tells it")


def _add_webhooks(parser: argparse.ArgumentParser) -> None:
    whats = parser.add_subparsers(
        required=True, metavar="WHAT", help="create, list, rotate, revoke"
    )
    made = whats.add_parser("create", help="have an address told, and print its secret, this once")
    made.set_defaults(verb=create_webhook)
    made.add_argument("url", metavar="URL", help="https, or http on this machine")
    whats.add_parser("list", help="say who is told, and how it went").set_defaults(
        verb=list_webhooks
    )
    for name, verb, about in (
        ("rotate", rotate_webhook, "print a new secret; the one before signs for a day more"),
        ("revoke", revoke_webhook, "tell an address no more"),
    ):
        changed = whats.add_parser(name, help=about)
        changed.set_defaults(verb=verb)
        changed.add_argument("webhook_id", metavar="ID", help="as patron webhooks list tells it")


def _add_hooks(parser: argparse.ArgumentParser) -> None:
    whats = parser.add_subparsers(required=True, metavar="WHAT", help="create, list, revoke, drain")
    create = whats.add_parser("create", help="print a new address, this once")
    create.set_defaults(verb=create_hook)
    create.add_argument("source", help="a name for where it comes from")
    create.add_argument("--form", required=True, help="the CRM it comes from, or plain")
    create.add_argument("--secret", help="what the CRM signs with; all users here can see it")
    create.add_argument("--secret-file", type=Path, help="file whose first line is the secret")
    whats.add_parser("list", help="sources and what came from them in the last week")
    revoke = whats.add_parser("revoke", help="end an address")
    revoke.set_defaults(verb=revoke_hook)
    revoke.add_argument("source", help="the name it was made under")
    drain = whats.add_parser("drain", help="read what came, without a service that does")
    drain.set_defaults(verb=drain_hooks)


def _add_privacy(parser: argparse.ArgumentParser) -> None:
    whats = parser.add_subparsers(required=True, metavar="WHAT", help="erase, export, clean")
    erase = whats.add_parser("erase", help="delete all rows of customers, and keep them away")
    erase.set_defaults(verb=erase_customers)
    erase.add_argument("ids", nargs="+", metavar="ID", help="the customer's id")
    clean = whats.add_parser("clean", help="write the database anew, without what was deleted")
    clean.set_defaults(verb=clean_store)
    export = whats.add_parser("export", help="print all that is held on a customer, as JSON")
    export.add_argument("id", metavar="ID", help="the customer's id")
    export.add_argument("--cursor", type=int, help="next_cursor of the part before")


def _add_tables(parser: argparse.ArgumentParser, needed: bool = True) -> None:
    parser.add_argument(
        "tables", nargs=None if needed else "?", help="folder, tables.toml or SQL URL"
    )
    parser.add_argument("--preset", help="a named layout: online_retail_ii, completejourney")
    parser.add_argument("--engine", choices=("polars", "duckdb", "spark"), default="polars")


def make_shop(arguments: Arguments, settings: Settings) -> int:
    """Write an invented shop and print its rows per table."""
    import shop

    try:
        plan = shop.Plan(
            arguments.customers,
            arguments.months,
            arguments.seed,
            signal=not arguments.no_signal,
            season=not arguments.no_season,
            step_up=arguments.step_up,
        )
        with show_progress("inventing customers") as bar:
            rows = shop.make_shop(arguments.out, plan, bar)
    except ValueError as error:
        raise PatronError(str(error)) from error
    print("\n".join(f"{name:20} {count:>12,}" for name, count in rows.items()))
    return OK


def check_tables(arguments: Arguments, settings: Settings) -> int:
    """Print what the tables break; exit status 1 when training would be wrong."""
    from contract.check import check
    from features.engines import read_tables

    tables = _find(arguments)
    with show_steps(5) as tell:
        frames = read_tables(tables, arguments.engine, keep_text=True)
        checked = check(frames, tables.layout, datetime.now(UTC), tell)
    if arguments.json:
        print(json.dumps(checked.as_json(), indent=1))
        return OK if checked.trainable else WRONG
    for name, fact in checked.summary.items():
        print(f"{name:20} {fact if isinstance(fact, str) else f'{fact or 0:,}'}")
    for f in checked.findings:
        print(f"\n{f.severity:8} {f.table}.{f.column}: {f.rule}, {f.rows:,} rows", end="")
        print(f", such as {f.example}" if f.example else "", f"\n{'':9}{f.to_do}", end="")
    verdict = "Ready to train." if checked.trainable else "Training would be wrong: see the errors."
    print(f"\n\n{verdict}")
    return OK if checked.trainable else WRONG


def make_features(arguments: Arguments, settings: Settings) -> int:
    """Write the features of every customer at each moment, or print their dictionary."""
    from features.dictionary import describe, list_features

    if arguments.describe:
        attributes = _find(arguments).layout.attributes if arguments.tables else ()
        print(json.dumps(describe(list_features(attributes)), indent=1))
        return OK
    if not (arguments.tables and arguments.as_of and arguments.out):
        raise PatronError("features needs TABLES, --as-of and --out.", "Or give --describe.")
    from features.gather import read_history
    from features.write import write_features

    with show_steps(2) as tell:
        tell("reading tables")
        history = read_history(_find(arguments), arguments.engine)
        tell("computing features")
        rows = write_features(history, [read_moment(m) for m in arguments.as_of], arguments.out)
    print(f"{rows:,} rows in {arguments.out}")
    return OK


def train_targets(arguments: Arguments, settings: Settings) -> int:
    """Learn each target, register it as challenger, and print how good it is."""
    from contract.registry import open_registry
    from features.gather import read_history
    from training.own import load_targets
    from training.targets import TARGETS, find_target
    from training.train import Books, count_steps, train

    if arguments.targets_from:
        load_targets(arguments.targets_from)
    names = arguments.target or list(TARGETS)
    targets = [find_target(name).over(arguments.horizon) for name in names]
    targets = [target.offering(_read_offer(arguments)) for target in targets]
    as_of = read_moment(arguments.as_of)
    tables = _find(arguments)
    with show_steps(2 + count_steps(targets, arguments.trials)) as tell:
        tell("reading tables")
        history = read_history(tables, arguments.engine)
        if arguments.sample is not None:
            if arguments.sample < 1:
                raise PatronError(f"--sample {arguments.sample} is nobody.", "Give 1 or more.")
            history = history.sample(arguments.sample)
        tell("opening MLflow")
        limits = arguments.trials, arguments.timeout, bool(arguments.target)
        books = Books(settings, open_registry(settings), *limits)
        reports = train(history, targets, as_of, books, tell)
    if arguments.report:
        arguments.report.parent.mkdir(parents=True, exist_ok=True)
        arguments.report.write_text(json.dumps(reports, indent=1), "utf-8")
    from training.telling import tell_report

    print("\n\n".join(tell_report(r) for r in reports["targets"].values()))
    for name, reason in reports["left_out"].items():
        print(f"\n{name} is left out: {reason}")
    return OK


def _read_offer(arguments: Arguments) -> dict[str, Any]:
    """Return the switches of cross-selling that were given."""
    told = (arguments.categories or "").split(",")
    if len(told) == 1 and Path(told[0]).is_file():
        told = Path(told[0]).read_text("utf-8").splitlines()
    only = tuple(dict.fromkeys(name.strip() for name in told if name.strip()))
    switches = {"repeats": arguments.repeats, "look_back_days": arguments.not_again, "only": only}
    return {name: given for name, given in switches.items() if given not in (None, False, ())}


def promote_targets(arguments: Arguments, settings: Settings) -> int:
    """Make each challenger its target's champion; exit status 1 where the gate refused one."""
    from contract.errors import GateError
    from contract.registry import CHALLENGER, open_registry

    promoted, refused = [], []
    with show_steps(2) as tell:
        tell("opening MLflow")
        registry = open_registry(settings)
        targets = arguments.target or registry.list_targets(CHALLENGER)
        tell("promoting")
        reason, despite = arguments.despite or arguments.reason, bool(arguments.despite)
        for target in targets:
            try:
                promoted.append(registry.promote(target, reason, despite))
            except GateError as error:
                refused.append(str(error))
    if not targets:
        raise PatronError("There is no challenger to promote.", "Run patron train first.")
    for version in promoted:
        print(f"patron-{version.target} version {version.number} is champion.")
    for told in refused:
        print(f"patron: {told}", file=sys.stderr)
    return WRONG if refused else OK


def roll_back(arguments: Arguments, settings: Settings) -> int:
    """Make the version before the champion champion again."""
    from contract.registry import PREVIOUS, open_registry

    with show_steps(2) as tell:
        tell("opening MLflow")
        registry = open_registry(settings)
        targets = [arguments.target] if arguments.target else registry.list_targets(PREVIOUS)
        if len(targets) != 1:
            found = f"Several can go back: {', '.join(targets)}." if targets else ""
            to_do = "Name one: --target." if targets else "See patron history."
            raise PatronError(found or "No target has a version to go back to.", to_do)
        tell("rolling back")
        version = registry.rollback(targets[0], arguments.reason)
    print(f"patron-{version.target} version {version.number} is champion again.")
    return OK


def tell_history(arguments: Arguments, settings: Settings) -> int:
    """Print which version of each target was champion from when to when and why."""
    from contract import journal
    from contract.registry import open_registry

    with show_steps(1) as tell:
        tell("opening MLflow")
        registry = open_registry(settings)
        targets = arguments.target or registry.list_targets()
        if not targets:
            raise PatronError("No model is registered.", "Run patron train first.")
        terms = {target: registry.history(target) for target in targets}
    if arguments.json:
        print(json.dumps({t: journal.as_json(of) for t, of in terms.items()}, indent=1))
    else:
        print("\n\n".join(f"{t}\n{journal.tell_history(of)}" for t, of in terms.items()))
    return OK


def load_tables(arguments: Arguments, settings: Settings) -> int:
    """Fill the store with the tables, and print the rows of each."""
    from features.engines import open_tables
    from serving.store.loading import load
    from serving.store.opened import open_store

    frames = open_tables(_find(arguments), arguments.engine)
    with show_progress("loading rows") as move:
        rows = load(open_store(settings.store_url), frames, move)
    print("\n".join(f"{name:20} {count:>12,}" for name, count in rows.items()))
    return OK


def score_tables(arguments: Arguments, settings: Settings) -> int:
    """Write the champions' answers on every customer known before the moment."""
    if arguments.store:
        return score_store(arguments, settings)
    if not (arguments.tables and arguments.out):
        raise PatronError("score needs TABLES and --out.", "Or give --store.")
    from contract.bundle import load_bundles
    from contract.champions import lay_out_champions
    from contract.registry import open_registry
    from features.streaming import count_rows, stream_tables
    from serving.batch.asked import Asked
    from serving.batch.planning import make_plan
    from serving.batch.run import Source, run
    from serving.batch.told import tell_manifest, tell_plan
    from serving.scorer import Scorer
    from serving.sinks.opened import open_sink

    targets = tuple(name for name in arguments.targets.split(",") if name)
    asked = Asked(
        as_of=read_moment(arguments.as_of),
        targets=targets,
        reasons=arguments.reasons,
        language=arguments.language,
        where=arguments.where,
        long=arguments.long,
    )
    if arguments.engine == "spark":
        return score_on_spark(arguments, settings, asked)
    tables, place = _find(arguments), open_sink(arguments.out, settings)
    place[1].check(asked)
    with lay_out_champions(open_registry(settings)) as folder:
        scorer = Scorer(load_bundles(folder))
    plan = make_plan(tables, scorer, asked, arguments.parts)
    if arguments.dry_run:
        rows = count_rows(tables, arguments.engine)
        print(tell_plan(plan, (rows, place[1].name), arguments.json))
        return OK
    source = Source(stream_tables(tables, arguments.engine), tables.layout)
    with show_rate() as tell:
        manifest = run((source, scorer, asked), plan, place, tell)
    print(tell_manifest(manifest, place[1].name, arguments.json))
    return OK


def score_on_spark(arguments: Arguments, settings: Settings, asked: "Asked") -> int:
    """Write the champions' answers by Spark's tasks."""
    from contract.champions import lay_out_champions
    from contract.packed import pack_bundles, unpack_bundles
    from contract.registry import open_registry
    from features.engines import read_tables
    from serving.batch.planning import make_plan
    from serving.batch.run import Source
    from serving.batch.told import tell_manifest, tell_plan
    from serving.scorer import Scorer

    tables = _find(arguments)
    with lay_out_champions(open_registry(settings)) as folder:
        packed = pack_bundles(folder)
    opened = read_tables(tables, arguments.engine)  # which says so where Spark is not there
    from serving.batch.on_spark import count_tasks, run_on_spark
    from serving.sinks.on_spark import open_spark_sink

    sink = open_spark_sink(arguments.out)
    parts = arguments.parts or count_tasks(tables)
    plan = make_plan(tables, Scorer(unpack_bundles(packed)), asked, parts)
    if arguments.dry_run:
        print(tell_plan(plan, ({}, sink.name), arguments.json))
        return OK
    source = Source(opened, tables.layout)
    with show_rate() as tell:
        manifest = run_on_spark((source, packed, asked), plan, sink, tell)
    print(tell_manifest(manifest, sink.name, arguments.json))
    return OK


def score_store(arguments: Arguments, settings: Settings) -> int:
    """Renew the answers on every customer of the store."""
    from contract.bundle import load_bundles
    from contract.champions import lay_out_champions
    from contract.registry import open_registry
    from serving.batch.told import tell_refreshed
    from serving.scorer import Scorer
    from serving.store.nightly import refresh
    from serving.store.opened import open_store

    if arguments.tables or arguments.out:
        raise PatronError("--store reads the store and writes there.", "Load TABLES: patron load.")
    as_of = read_moment(arguments.as_of)
    with show_steps(2) as tell:
        tell("fetching champions")
        with lay_out_champions(open_registry(settings)) as folder:
            scorer = Scorer(load_bundles(folder))
        tell("scoring customers")
        gc.freeze()  # models last as long as the process: garbage is not looked for among them
        counts = refresh(open_store(settings.store_url), scorer, as_of, tell)
    print(tell_refreshed(counts, as_of, arguments.json))
    return OK


def replay_answer(arguments: Arguments, settings: Settings) -> int:
    """Print an answer made again, by the very models; exit status 1 where it is not the same."""
    from contract.champions import fetch_version
    from contract.registry import open_registry
    from serving.receipts.library import Library
    from serving.receipts.replay import describe_replay, replay_all, tell_replay
    from serving.store.opened import open_store

    with show_steps(1) as tell:
        tell("making the answer again")
        library = Library(
            [folder for folder in (settings.bundles, settings.releases) if folder],
            lambda model: fetch_version(open_registry(settings), model[0], model[1]),
        )
        (made,) = replay_all(open_store(settings.store_url), [arguments.receipt], library)
    told = tell_replay(made)
    if arguments.json:
        print(json.dumps(told, indent=1))
    elif made.error:
        raise PatronError(told["error"]["detail"])
    else:
        print(describe_replay(told))
    return OK if made.equal else WRONG


def prune_receipts(arguments: Arguments, settings: Settings) -> int:
    """Forget receipts first given so many days ago or earlier, and print how many."""
    from serving.receipts.kept import forget_receipts
    from serving.store.opened import open_store

    if arguments.older_than < 1:
        raise PatronError("--older-than is less than a day.", "Give a number of days from 1 on.")
    gone = forget_receipts(open_store(settings.store_url), arguments.older_than)
    print(f"{gone:,} receipts are forgotten.")
    return OK


def build_bento(arguments: Arguments, settings: Settings) -> int:
    """Package the champions and print the Bento's tag."""
    from contract.champions import lay_out_champions
    from contract.registry import open_registry
    from serving.bento import build_bento as build

    with show_steps(2) as tell:
        tell("fetching champions")
        with lay_out_champions(open_registry(settings)) as bundles:
            tell("building the Bento")
            tag = build(bundles, settings.bentos)
    print(tag)
    return OK


def create_key(arguments: Arguments, settings: Settings) -> int:
    """Make a key and print it: on stdout the key alone, beside it what is known of it."""
    from serving.store.keys import Wish, tell_keys
    from serving.store.keys import create_key as create

    scopes = tuple(dict.fromkeys(s.strip() for s in arguments.scopes.split(",") if s.strip()))
    wish = Wish(arguments.name, scopes, arguments.days, arguments.per_second)
    with _open_store(settings) as store:
        key, shown = create(store, wish)
    print(tell_keys([key]), "Copy the key now: only its hash is kept.", sep="\n", file=sys.stderr)
    print(shown)
    return OK


def list_keys(arguments: Arguments, settings: Settings) -> int:
    """Print every key ever made, without its secret."""
    from serving.store.keys import read_keys, tell_keys

    with _open_store(settings) as store:
        keys = read_keys(store)
    print(tell_keys(keys) if keys else "There is no key: only this machine is answered.")
    return OK


def revoke_key(arguments: Arguments, settings: Settings) -> int:
    """Make a key count no more."""
    from serving.store.keys import revoke_key as revoke

    with _open_store(settings) as store:
        key = revoke(store, arguments.key_id)
    print(f"{key.key_id} of {key.name} is revoked; services that run refuse it within 10 s.")
    return OK


def serve_bento(arguments: Arguments, settings: Settings) -> int:
    """Serve the newest Bento, or the registry's champions, until stopped."""
    from serving.bento import Address, Listen, serve_followed, serve_newest

    metrics = Address(
        arguments.metrics_host or settings.metrics_host,
        arguments.metrics_port or settings.metrics_port or arguments.port + 1,
    )
    listen = Listen(Address(arguments.host, arguments.port), metrics)
    if not arguments.registry:
        return serve_newest(settings.bentos, listen)
    if not arguments.poll > 0:
        raise PatronError(f"--poll {arguments.poll:g} is no time to wait.", "Give seconds above 0.")
    from contract.releases import Releases

    releases = Releases(settings.releases)

    def follow(stop: "Event") -> None:
        from contract.following import Follower
        from contract.registry import open_registry
        from serving.swap import load_scorer

        open_it = partial(open_registry, settings)
        Follower(open_it, releases, load_scorer, _say).follow(stop, arguments.poll)

    return serve_followed(releases.current, listen, follow, settings.bentos)


def _say(told: str) -> None:
    print(f"patron: {told}", file=sys.stderr, flush=True)


def run_worker(arguments: Arguments, settings: Settings) -> int:
    """Do jobs until asked to stop; a part that is begun is ended first."""
    import signal
    from threading import Event

    from serving.jobs.worker import run

    stop = Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stop.set())
    with _open_store(settings) as store:
        run(store, partial(_load_scorer, settings), stop, _say)
    return OK


def _load_scorer(settings: Settings) -> "Scorer":
    """Return what answers now: the bundles that the service is told to serve, or the champions."""
    from serving.swap import load_scorer

    if settings.bundles:
        return load_scorer(settings.bundles.resolve())
    from contract.champions import lay_out_champions
    from contract.registry import open_registry

    with lay_out_champions(open_registry(settings)) as folder:
        return load_scorer(folder)


def add_source(arguments: Arguments, settings: Settings) -> int:
    """Give tables a name that jobs may tell, once they were found to be tables."""
    from features.engines import open_tables
    from serving.jobs.sources import Source
    from serving.jobs.sources import add_source as add

    arguments.tables = (
        arguments.tables if "://" in arguments.tables else str(Path(arguments.tables).resolve())
    )
    open_tables(_find(arguments))
    with _open_store(settings) as store:
        add(store, Source(arguments.name, arguments.tables, arguments.preset))
    print(f'Jobs may tell {{"source": "{arguments.name}"}} now.')
    return OK


def list_sources(arguments: Arguments, settings: Settings) -> int:
    """Print the names that jobs may tell, and where their tables are but for a URL."""
    from serving.jobs.sources import list_sources as list_them

    with _open_store(settings) as store:
        for source in list_them(store):
            # A URL may hold a password.
            place = source.tables.partition("://")[0] if "://" in source.tables else source.tables
            print(f"{source.name:20} {source.preset or '-':20} {place}")
    return OK


def remove_source(arguments: Arguments, settings: Settings) -> int:
    """Make a name stand for no tables."""
    from serving.jobs.sources import remove_source as remove

    with _open_store(settings) as store:
        remove(store, arguments.name)
    print(f"Jobs may tell {arguments.name} no more.")
    return OK


def create_webhook(arguments: Arguments, settings: Settings) -> int:
    """Have an address told that jobs ended; on stdout the secret alone, beside it the id."""
    from serving.jobs.webhooks import create_webhook as create

    with _open_store(settings) as store:
        webhook_id, secret = create(store, arguments.url)
    print(f"{webhook_id}: copy the secret now, it is not shown again.", file=sys.stderr)
    print(secret)
    return OK


def list_webhooks(arguments: Arguments, settings: Settings) -> int:
    """Print who is told that jobs ended, and what became of it in the last week."""
    from serving.jobs.webhooks import Tally
    from serving.jobs.webhooks import list_webhooks as list_them

    with _open_store(settings) as store:
        told = [Tally._fields, *list_them(store)]
    print("\n".join(" ".join(f"{one!s:15}" for one in row).rstrip() for row in told))
    return OK


def rotate_webhook(arguments: Arguments, settings: Settings) -> int:
    """Print a new secret of a webhook."""
    from serving.jobs.webhooks import rotate_webhook as rotate

    with _open_store(settings) as store:
        secret = rotate(store, arguments.webhook_id)
    print("The secret before signs for 24 hours more.", file=sys.stderr)
    print(secret)
    return OK


def revoke_webhook(arguments: Arguments, settings: Settings) -> int:
    """Tell a webhook nothing any more."""
    from serving.jobs.webhooks import revoke_webhook as revoke

    with _open_store(settings) as store:
        revoke(store, arguments.webhook_id)
    print(f"{arguments.webhook_id} is told nothing any more.")
    return OK


def create_hook(arguments: Arguments, settings: Settings) -> int:
    """Print the path of a new webhook address with its token, which is not kept."""
    from serving.hooks.addresses import create_hook as create

    secret = arguments.secret
    if arguments.secret_file:
        secret = arguments.secret_file.read_text("utf-8").partition("\n")[0].strip()
    with _open_store(settings) as store:
        print(create(store, arguments.source, arguments.form, secret))
    return OK


def list_hooks(arguments: Arguments, settings: Settings) -> int:
    """Print every source of webhooks and what came from it."""
    from serving.hooks.addresses import Tally
    from serving.hooks.addresses import list_hooks as list_them

    with _open_store(settings) as store, store.read() as connection:
        told = [Tally._fields, *list_them(connection)]
    print("\n".join(" ".join(f"{one!s:12}" for one in row).rstrip() for row in told))
    return OK


def revoke_hook(arguments: Arguments, settings: Settings) -> int:
    """End a webhook's address."""
    from serving.hooks.addresses import revoke_hook as revoke

    with _open_store(settings) as store:
        revoke(store, arguments.source)
    print(f"The address of {arguments.source} is no more.")
    return OK


def drain_hooks(arguments: Arguments, settings: Settings) -> int:
    """Read what webhooks brought into rows of customers."""
    from serving.hooks.reading import read_inbox

    with _open_store(settings) as store:
        print(f"{read_inbox(store):,} bodies read")
    return OK


def erase_customers(arguments: Arguments, settings: Settings) -> int:
    """Erase customers and print how many rows went from which table."""
    from serving.routes.privacy import Erasures, tell_erased

    # As they are: a table may bring ids that the routes would refuse.
    asked = Erasures.model_construct(customer_ids=arguments.ids)
    with _open_store(settings) as store:
        print(tell_erased(store, asked, "patron privacy erase").model_dump_json(indent=1))
    return OK


def clean_store(arguments: Arguments, settings: Settings) -> int:
    """Write the store's tables anew; exit status 1 where someone read or wrote all the while."""
    from serving.jobs.queue import forget_jobs
    from serving.store.privacy import rewrite

    with _open_store(settings) as store:
        forget_jobs(store)
        cleaned = rewrite(store)
    print("Nothing deleted is left in the database." if cleaned else "Others use it: try again.")
    return OK if cleaned else WRONG


def export_customer(arguments: Arguments, settings: Settings) -> int:
    """Print all that is held on a customer."""
    from serving.routes.privacy import Export, tell_held

    asked = Export.model_construct(customer_id=arguments.id, cursor=arguments.cursor)
    with _open_store(settings) as store:
        told = tell_held(store, asked, "patron privacy export")
    print(told.model_dump_json(indent=1, exclude_none=True))
    return OK


@contextmanager
def _open_store(settings: Settings) -> Iterator["Store"]:
    from serving.store.opened import open_store

    store = open_store(settings.store_url)
    try:
        yield store
    finally:
        store.close()


def _find(arguments: Arguments) -> "Tables":
    from contract.tables import find_tables

    return find_tables(arguments.tables, arguments.preset)


if __name__ == "__main__":
    sys.exit(main())
