"""`patron score`, each time in a process of its own that may be killed: run as a script.

It reads a line of JSON per run, {"words": …, "after": seconds or null}, and prints {"status": …,
"took": seconds, "told": what went to standard error, "said": to standard output}. Beside them may
stand "kill_at_move", the number of the rename after which it is killed, and "record": the renames
and syncs to disk are then told as "calls". Processes are forked
from one that has imported everything, so that fifty of them take no minutes. Models come from a
folder in place of a registry.
"""

import contextlib
import itertools
import json
import os
import signal
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any


@contextlib.contextmanager
def lay_out(_registry: Any) -> Iterator[Path]:
    yield Path(sys.argv[1])


def prepare() -> None:
    import xgboost  # noqa: F401

    import serving.batch.run
    import serving.batch.told
    import serving.sinks.postgres
    import serving.sinks.stored  # noqa: F401
    from contract import champions, registry

    champions.lay_out_champions = lay_out
    registry.open_registry = lambda _settings: None


def watch(calls: Any, last: int | None) -> None:
    """Write every rename and sync to a file; end with the rename of that number."""
    sync, replace, moves = os.fsync, os.replace, itertools.count(1)

    def tell(*call: str) -> None:
        calls.write(json.dumps(call) + "\n")
        calls.flush()

    def sync_and_tell(held: int) -> None:
        sync(held)
        tell("sync", str(Path(f"/proc/self/fd/{held}").readlink()))

    def move_and_tell(source: Any, place: Any) -> None:
        replace(source, place)
        tell("move", str(Path(source).absolute()), str(Path(place).absolute()))
        if next(moves) == last:
            os.kill(os.getpid(), signal.SIGKILL)

    os.fsync, os.replace = sync_and_tell, move_and_tell


def score(
    words: list[str], after: float | None, kill_at_move: int | None = None, record: bool = False
) -> dict[str, Any]:
    """Run it, kill it that many seconds on, and return what became of it."""
    import cli

    began = time.monotonic()
    with contextlib.ExitStack() as stack:
        told, said, calls = (
            stack.enter_context(tempfile.TemporaryFile(mode)) for mode in ("w+b", "w+b", "w+")
        )
        child = os.fork()
        if child == 0:
            if record or kill_at_move:
                watch(calls, kill_at_move)
            os.dup2(told.fileno(), 2)
            os.dup2(said.fileno(), 1)
            status = cli.main(["score", *words])
            sys.stdout.flush()
            os._exit(status)
        over = began + (60 if after is None else after)
        while (ended := os.waitpid(child, os.WNOHANG)) == (0, 0):
            if time.monotonic() > over:
                os.kill(child, signal.SIGKILL)
            time.sleep(0.001)
        told.seek(0)
        said.seek(0)
        calls.seek(0)
        status = os.waitstatus_to_exitcode(ended[1])
        took = time.monotonic() - began
        return {"status": status, "took": took, "told": told.read().decode(),
                "said": said.read().decode(),
                "calls": [json.loads(line) for line in calls]}  # fmt: skip


if __name__ == "__main__":
    prepare()
    for line in sys.stdin:
        print(json.dumps(score(**json.loads(line))), flush=True)
