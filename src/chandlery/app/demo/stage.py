"""What a person sees of the demo: numbered steps, tables, a progress bar and one last line."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager

from rich.console import Console
from rich.padding import Padding
from rich.panel import Panel
from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeElapsedColumn
from rich.rule import Rule
from rich.table import Table

STATUS_COLOURS = {
    "completed": "green",
    "active": "green",
    "accepted": "cyan",
    "in_progress": "cyan",
    "submitted": "yellow",
    "draft": "dim",
    "failed": "red",
    "refused": "red",
    "unknown": "magenta",
    "needs_attention": "red",
}


class Stage:
    def __init__(self, console: Console | None = None) -> None:
        self.console = console or Console(highlight=False)
        self._act = 0
        self._started = time.monotonic()

    def act(self, title: str) -> None:
        self._act += 1
        self.console.print()
        self.console.print(Rule(f"[bold]{self._act}. {title}", align="left", style="blue"))

    def done(self, what: str) -> None:
        self.console.print(f"  [green]✓[/] {what}")

    def note(self, what: str) -> None:
        self.console.print(f"    [dim]{what}[/]")

    def table(
        self, columns: Sequence[str], rows: Iterable[Sequence[str]], *, right: Sequence[str] = ()
    ) -> None:
        table = Table(box=None, padding=(0, 2, 0, 0), header_style="dim", pad_edge=False)
        for column in columns:
            table.add_column(column, justify="right" if column in right else "left", overflow="fold")
        for row in rows:
            table.add_row(*row)
        self.console.print(Padding(table, (0, 0, 0, 4)))

    @contextmanager
    def waiting(self, for_what: str) -> Iterator[None]:
        with self.console.status(for_what):
            yield

    @contextmanager
    def progress(self) -> Iterator[Progress]:
        columns = (TextColumn("    {task.description}"), BarColumn(32), DownloadColumn(), TimeElapsedColumn())
        with Progress(*columns, console=self.console) as progress:
            yield progress

    def curtain(self, lines: Sequence[str]) -> None:
        seconds = time.monotonic() - self._started
        self.console.print()
        self.console.print(
            Panel("\n".join(lines), title=f"All as expected, in {seconds:.0f} s", border_style="green")
        )

    def broken(self, why: str) -> None:
        self.console.print(Panel(why, title=f"Not as expected, in step {self._act}", border_style="red"))


def coloured(status: str) -> str:
    return f"[{STATUS_COLOURS.get(status, 'white')}]{status}[/]"


def amount(minor: int, currency: str) -> str:
    return (
        f"{minor / 100:,.2f} {currency}"  # for people, of two-decimal currencies; the API's figures are exact
    )
