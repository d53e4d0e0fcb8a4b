"""`chandlery doctor`: what is set, what runs, what is missing, and for each finding what to do about it."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from typing import Literal

from rich.console import Console
from rich.table import Table

from chandlery.app import database
from chandlery.app.settings import Settings, help_lines
from chandlery.engine.children import CannotStart
from chandlery.engine.embedded_postgres import running_server
from chandlery.engine.errors import DatabaseUnavailable
from chandlery.engine.migrations import schema_state
from chandlery.engine.queue import QueueStanding, open_jobs_pool, standing
from chandlery.identity.secrets import FILE_NAME
from chandlery.kernel.clock import SystemClock

LEAST_POSTGRES = 16
_SILENCE = timedelta(seconds=10)
Verdict = Literal["good", "look", "bad"]
_MARKS = {"good": "[green]✓[/]", "look": "[yellow]![/]", "bad": "[red]✗[/]"}


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was looked at; `advice` says what to do unless it is good."""

    verdict: Verdict
    what: str
    advice: str = ""


def examine(settings: Settings) -> int:
    """Print every finding; 1 when something is bad, else 0."""
    console = Console(highlight=False)
    console.print(_settings_table(settings))
    findings = [*_files(settings), *_database(settings)]
    for finding in findings:
        console.print(f"{_MARKS[finding.verdict]} {finding.what}")
        if finding.advice:
            console.print(f"  [dim]{finding.advice}[/]")
    return int(any(finding.verdict == "bad" for finding in findings))


def _settings_table(settings: Settings) -> Table:
    table = Table(box=None, header_style="dim", pad_edge=False)
    for column in ("setting", "value", "meaning"):
        table.add_column(column, overflow="fold")
    for variable, _, meaning in help_lines():
        value = getattr(settings, variable.removeprefix("CHANDLERY_").lower())
        shown = (
            "(hidden)"
            if value and variable.endswith(("KEY", "DATABASE_URL", "SMTP_URL"))
            else str(value or "")
        )
        table.add_row(variable, shown, meaning)
    return table


def _files(settings: Settings) -> Iterator[Finding]:
    if settings.secret_key is not None:
        yield Finding("good", "The master key is set by CHANDLERY_SECRET_KEY")
    elif (key := settings.data / FILE_NAME).exists():
        exposed = key.stat().st_mode & 0o077
        yield Finding(
            "bad" if exposed else "good", f"Master key in {key}", f"chmod 600 {key}" if exposed else ""
        )
    else:
        yield Finding(
            "look", "There is no master key yet", "The first `chandlery serve` makes one; back it up."
        )


def _database(settings: Settings) -> Iterator[Finding]:
    if settings.database_url is None and running_server(settings.data) is None:
        yield Finding("look", f"No server runs on {settings.data}", "Start one: chandlery serve")
    try:
        with database.reachable(settings) as found:
            yield from _schema(found.url)
    except (CannotStart, DatabaseUnavailable) as error:
        yield Finding(
            "bad", f"The database cannot be reached: {error}", "See CHANDLERY_DATABASE_URL or --data."
        )


def _schema(url: str) -> Iterator[Finding]:
    state = schema_state(url)
    good = state.server_version >= LEAST_POSTGRES
    advice = "" if good else f"Use {LEAST_POSTGRES} or later."
    yield Finding("good" if good else "bad", f"PostgreSQL {state.server_version}", advice)
    if state.pending:
        yield Finding("bad", f"Pending migrations: {', '.join(state.pending)}", "Run: chandlery migrate")
        return
    yield Finding("good", f"All {len(state.applied)} migrations are applied")
    yield from _worker(url)


def _worker(url: str) -> Iterator[Finding]:
    found = asyncio.run(_standing(url))
    if found.last_heartbeat is None or SystemClock().now() - found.last_heartbeat > _SILENCE:
        advice = "Start one: chandlery serve, or chandlery worker"
        yield Finding("bad", "No worker runs: nothing is provisioned", advice)
    else:
        yield Finding("good", f"A worker runs; {found.waiting} jobs wait, {found.running} run")
    if found.failed:
        advice = "GET /v1/fulfilment/waiting tells which lines wait and why."
        yield Finding("look", f"{found.failed} jobs were given up", advice)


async def _standing(url: str) -> QueueStanding:
    async with open_jobs_pool(url, 1) as pool:
        return await standing(pool)
