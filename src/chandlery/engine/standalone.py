"""A statement outside any unit of work: committed at once, and never sent a second time.

For a party that keeps books of its own beside ours. `look_up` repeats what broke off; here the caller has to know that
a broken-off statement may have been carried out.
"""

from __future__ import annotations

from typing import TypeVar

from psycopg_pool import PoolTimeout

from chandlery.engine.database import Pool
from chandlery.engine.errors import DatabaseUnavailable
from chandlery.engine.statements import Query

T = TypeVar("T")


async def run_once(pool: Pool, query: Query[T]) -> T:
    """Send it and read the answer; `DatabaseUnavailable` says that it was certainly not sent."""
    try:
        async with pool.connection() as conn:
            cursor = conn.cursor(binary=True)
            await cursor.execute(query.sql, query.params, prepare=True)
            return query.read(await cursor.fetchall())
    except PoolTimeout as error:
        raise DatabaseUnavailable from error
