"""Many rows at once: COPY into a staging table, in a transaction of its own.

COPY cannot travel in a pipeline and does not go well with repetition: its source is a stream that is read once. So
rows are first copied to a staging table, under the caller's scope, and a use case then merges them through the one
road, which may try again.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from typing import TYPE_CHECKING, Any

import psycopg
from psycopg_pool import PoolTimeout

from chandlery.engine.errors import Busy, DatabaseUnavailable
from chandlery.engine.statements import Query, Write
from chandlery.engine.unit import Meter, Unit, database_error, roll_back
from chandlery.kernel.actor import Actor

if TYPE_CHECKING:
    from chandlery.engine.unit_of_work import Engine

LONGEST_SECONDS = 900


def long_statements() -> Write:
    """Lets the statements of this transaction run longer than a request may."""
    return Write("SELECT set_config('statement_timeout', %s::text, true)", (f"{LONGEST_SECONDS}s",))


async def copy_rows(
    engine: Engine, actor: Actor, statement: str, batches: AsyncIterator[Sequence[tuple[Any, ...]]]
) -> int:
    """Send rows with `COPY ... FROM STDIN`, as the actor's tenant, and say how many there were. All land, or none."""
    try:
        async with engine.pool.connection() as conn:
            unit = Unit(conn, actor, engine.clock, Meter("engine.bulk.copy_rows"), {}, None)
            try:
                unit.write(long_statements())
                await unit.fetch(Query("SELECT 1", (), len))
                count = 0
                async with conn.cursor().copy(statement) as copy:
                    async for batch in batches:
                        for row in batch:
                            await copy.write_row(row)
                        count += len(batch)
                await unit.finish(None, dry_run=False)
            except BaseException as error:
                await roll_back(conn, database_error(error))
                raise
    except psycopg.errors.QueryCanceled as error:
        raise Busy from error
    except (PoolTimeout, psycopg.OperationalError) as error:
        raise DatabaseUnavailable from error
    return count
