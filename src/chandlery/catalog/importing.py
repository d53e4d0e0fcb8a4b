"""Landing a vendor's price sheet: read as a stream, staged by COPY, merged in one transaction through the one road.

Reading happens in a thread, staging and merging in the database, so that nobody who reads the catalogue waits. Bad
rows are reported by line and column; the good ones land, or with `strict` nothing does. A complete sheet also ends
the prices that it no longer names, in the markets and currencies that it speaks of; with a bad row in it, it is taken
as a part, because a row that cannot be read may be the very one that seems to be missing.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, BinaryIO, TypeAlias
from uuid import UUID

from chandlery.catalog import _store
from chandlery.catalog.editing import require_operator
from chandlery.catalog.sheets.format import WHOLE_ROW, RowError
from chandlery.catalog.sheets.reading import MAX_ERRORS_KEPT, Sheet
from chandlery.engine.bulk import copy_rows, long_statements
from chandlery.engine.unit_of_work import Engine, Unit
from chandlery.identity import permissions
from chandlery.kernel.actor import Actor
from chandlery.kernel.events import Event
from chandlery.kernel.ids import OrganizationId, new_id

__all__ = ["ImportReport", "Progress", "RowError", "import_prices"]

_BATCH_LINES = 500

Progress: TypeAlias = Callable[[int, int | None], None]
"""Told how many rows are done, of how many when that is known."""


@dataclass(frozen=True, slots=True)
class ImportReport:
    """What became of a sheet's rows. `ended` prices are ones that the sheet no longer names.

    rows = added + changed + unchanged + bad_rows, when something landed. Of `errors`, the first thousand are kept.
    """

    rows: int
    added: int = 0
    changed: int = 0
    ended: int = 0
    unchanged: int = 0
    bad_rows: int = 0
    products_added: int = 0
    plans_added: int = 0
    errors: tuple[RowError, ...] = ()


@dataclass(frozen=True, slots=True)
class _Land:
    """The sheet is staged: merge it."""

    import_id: UUID
    rows: int
    bad_rows: int
    strict: bool
    complete: bool
    errors: Sequence[RowError] = field(default=())


async def import_prices(
    engine: Engine,
    actor: Actor,
    stream: BinaryIO,
    format_name: str | None = None,
    strict: bool = False,
    on_progress: Progress | None = None,
    complete: bool = True,
) -> ImportReport:
    """Bring the catalogue to what a price sheet says. The same sheet again changes nothing.

    `format_name` is one of `sheets.reading.FORMATS`, None recognises it by its header. The stream is read to its end
    and not closed. `strict`: nothing lands when any row is bad. `complete`: prices that the sheet does not name end.
    """
    actor.require(permissions.CATALOG_WRITE)
    require_operator(actor)
    sheet = await asyncio.to_thread(Sheet, stream, format_name)
    import_id = new_id()
    await copy_rows(engine, actor, _store.COPY_STAGED, _staged(sheet, import_id, on_progress))
    command = _Land(import_id, sheet.rows, sheet.bad_rows, strict, complete, sheet.errors)
    outcome = await engine.perform(actor, _land, command)
    return outcome.result


async def _staged(
    sheet: Sheet, import_id: UUID, on_progress: Progress | None
) -> AsyncIterator[list[tuple[Any, ...]]]:
    while not sheet.ended:
        good = await asyncio.to_thread(sheet.batch, _BATCH_LINES)
        yield [(import_id, *row) for row in good]
        if on_progress is not None:
            on_progress(sheet.rows, sheet.rows_total)


async def _land(unit: Unit, actor: Actor, command: _Land) -> ImportReport:
    actor.require(permissions.CATALOG_WRITE)
    unit.write(long_statements())
    contradictions = await unit.fetch(_store.check_staged(command.import_id))
    bad_rows = command.bad_rows + len(contradictions)
    errors = tuple(
        sorted([*command.errors, *map(_worded, contradictions)], key=lambda one: one.line)[:MAX_ERRORS_KEPT]
    )
    if bad_rows and command.strict:
        unit.write(_store.discard_staged(command.import_id))
        return ImportReport(command.rows, bad_rows=bad_rows, errors=errors)
    counts = await unit.fetch(_store.merge_staged(command.import_id, command.complete and not bad_rows))
    good = counts.pop("good")
    report = ImportReport(
        command.rows,
        unchanged=good - counts["added"] - counts["changed"],
        bad_rows=bad_rows,
        errors=errors,
        **counts,
    )
    told = {"rows": report.rows, "unchanged": report.unchanged, "bad_rows": bad_rows, **counts}
    unit.emit(Event("catalog.imported", command.import_id, OrganizationId(actor.tenant_id), told))
    return report


def _worded(found: _store.Contradiction) -> RowError:
    line, what, other = found
    if what == "price":
        same = f"is for the same plan, market, currency, tier and start as line {other}"
        return RowError(line, WHOLE_ROW, same)
    where = "in the catalogue" if other is None else f"in line {other}"
    return RowError(line, WHOLE_ROW, f"gives this SKU to another product than it has {where}")
