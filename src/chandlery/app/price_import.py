"""`chandlery import-prices FILE`: a sheet into the catalogue, with a progress bar and a report."""

from __future__ import annotations

import asyncio
from pathlib import Path

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

from chandlery.app import database
from chandlery.app.opening import open_house
from chandlery.app.settings import Settings
from chandlery.app.tenants import chosen_tenant
from chandlery.catalog.importing import ImportReport, import_prices
from chandlery.engine.children import CannotStart
from chandlery.kernel.actor import system
from chandlery.kernel.errors import Fault

_SHOWN_ERRORS = 20


def import_file(
    settings: Settings, file: Path, *, tenant_id: str | None, form: str | None, strict: bool
) -> int:
    """0 when every row landed, 1 when rows were bad."""
    if not file.is_file():
        raise CannotStart(f"There is no file {file}.")
    try:
        with database.reachable(settings) as found:
            report = asyncio.run(_import(settings, found.url, file, tenant_id, form, strict))
    except Fault as refused:
        raise CannotStart(
            f"{refused.detail} {'; '.join(p.message for p in refused.problems)}".strip()
        ) from refused
    _show(report, strict=strict)
    return int(report.bad_rows > 0)


async def _import(
    settings: Settings, url: str, file: Path, tenant_id: str | None, form: str | None, strict: bool
) -> ImportReport:
    columns = (TextColumn("{task.description}"), BarColumn(32), MofNCompleteColumn(), TimeElapsedColumn())
    async with open_house(settings, url) as opened:
        tenant = await chosen_tenant(opened.engine, tenant_id)
        with Progress(*columns) as progress, file.open("rb") as sheet:
            task = progress.add_task(file.name, total=None)
            return await import_prices(
                opened.engine,
                system(tenant, "import_prices"),
                sheet,
                form,
                strict,
                lambda done, total: progress.update(task, completed=done, total=total),
            )


def _show(report: ImportReport, *, strict: bool) -> None:
    console = Console(highlight=False)
    table = Table(box=None, header_style="dim")
    for column in ("rows", "added", "changed", "unchanged", "ended", "bad"):
        table.add_column(column, justify="right")
    figures = (report.rows, report.added, report.changed, report.unchanged, report.ended, report.bad_rows)
    table.add_row(*(f"{figure:,}" for figure in figures))
    console.print(table)
    for error in report.errors[:_SHOWN_ERRORS]:
        console.print(f"[red]line {error.line}, {error.column}:[/] {error.message}", soft_wrap=True)
    if report.bad_rows > _SHOWN_ERRORS:
        console.print(f"[dim]and {report.bad_rows - _SHOWN_ERRORS} more bad rows[/]")
    if report.bad_rows and strict:
        console.print("[yellow]Nothing was imported (--strict).[/]")
