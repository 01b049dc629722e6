"""What a person sees while work is done: a bar, or steps beside a clock, on standard error."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    ProgressColumn,
    SpinnerColumn,
    Task,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)
from rich.text import Text


@contextmanager
def show_progress(about: str) -> Iterator[Callable[[int, int], None]]:
    """Yield a function that moves a bar to `done` of `total`."""
    console = Console(stderr=True)
    quiet = not console.is_terminal  # a log needs no bars
    with Progress(console=console, transient=True, disable=quiet) as progress:
        task = progress.add_task(about, total=None)

        def move(done: int, total: int) -> None:
            progress.update(task, completed=done, total=total)

        yield move


@contextmanager
def show_steps(total: int | None = None) -> Iterator[Callable[[str], None]]:
    """Yield a function that tells the step at hand; the bar counts the steps done, of `total`."""
    console = Console(stderr=True)
    text = (SpinnerColumn(), TextColumn("{task.description}"))
    columns = (*text, BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    quiet = not console.is_terminal  # a log needs no bars
    with Progress(*columns, console=console, transient=True, disable=quiet) as progress:
        task = progress.add_task("", total=total, completed=-1)

        def tell(step: str) -> None:
            progress.update(task, description=step, advance=1)

        yield tell


class _Rate(ProgressColumn):
    """How many a second."""

    def render(self, task: Task) -> Text:
        """Return the rate so far."""
        return Text(f"{task.speed:,.0f}/s" if task.speed else "")


@contextmanager
def show_rate() -> Iterator[Callable[[str, int, int], None]]:
    """Yield a function that tells what is counted, how many are done, of how many; 0 if unknown.

    A person sees the rate and the time left.
    """
    console = Console(stderr=True)
    quiet = not console.is_terminal  # a log needs no bars
    text = TextColumn("{task.completed:,.0f} {task.description}")
    columns = (SpinnerColumn(), text, BarColumn(), _Rate(), TimeRemainingColumn())
    with Progress(*columns, console=console, transient=True, disable=quiet) as progress:
        task = progress.add_task("", total=None)

        def tell(what: str, done: int, total: int) -> None:
            if progress.tasks[0].description != what:
                progress.reset(task, total=total or None, description=what)
            progress.update(task, completed=done, total=total or None)

        yield tell
