"""What a person sees while work is done: a bar, or steps beside a clock, on standard error."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn


@contextmanager
def show_progress(about: str) -> Iterator[Callable[[int, int], None]]:
    """Yield a function that moves a bar to `done` of `total`."""
    with Progress(console=Console(stderr=True), transient=True) as progress:
        task = progress.add_task(about, total=None)

        def move(done: int, total: int) -> None:
            progress.update(task, completed=done, total=total)

        yield move


@contextmanager
def show_steps() -> Iterator[Callable[[str], None]]:
    """Yield a function that tells the step at hand, beside a clock; each step leaves a line."""
    console = Console(stderr=True)
    columns = (SpinnerColumn(), TextColumn("{task.description}"), TimeElapsedColumn())
    with Progress(*columns, console=console, transient=not console.is_terminal) as progress:
        tasks: list[int] = []

        def tell(step: str) -> None:
            if tasks:
                progress.update(tasks[-1], total=1, completed=1)
            tasks.append(progress.add_task(step, total=None))

        yield tell
        if tasks:
            progress.update(tasks[-1], total=1, completed=1)
