"""Parts of a batch in several processes, as one of Python's works on one core."""

import os
import signal
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from multiprocessing import connection, get_context, parent_process

WORTH = 2_500_000  # rows, for which starting another process is worth it

Do = Callable[[int], None]


def do_parts(do: Do, numbers: Sequence[int], rows: int) -> Iterator[int]:
    """Yield the number of each part once it is done; `rows` is how many one has."""
    processes = min(len(numbers), os.cpu_count() or 1, rows * len(numbers) // WORTH)
    if processes < 2:
        for number in numbers:
            do(number)
            yield number
        return
    # Started anew, as a copy of this one would have the locks of its threads.
    fresh = get_context("spawn")
    with ProcessPoolExecutor(processes, fresh, _prepare, (do,)) as pool:
        waiting = {pool.submit(_do, number): number for number in numbers}
        try:
            for done in as_completed(waiting):
                done.result()
                yield waiting[done]
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            raise


def _prepare(do: Do) -> None:
    """Take what all parts have in common, and end when whoever started this does."""
    global _held
    _held = do
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # who started this is told, too
    threading.Thread(target=_end_with_parent, daemon=True).start()


def _do(number: int) -> None:
    _held(number)


def _end_with_parent() -> None:
    parent = parent_process()
    if parent is not None:
        connection.wait([parent.sentinel])
        os._exit(1)


_held: Do
