from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import psycopg
import pytest

from chandlery.engine.database import Pool
from chandlery.engine.queue import open_jobs_pool
from chandlery.engine.unit_of_work import Engine
from tests.billing.money import Books, some_books


@pytest.fixture
async def jobs_pool(database_url: str) -> AsyncIterator[Pool]:
    async with open_jobs_pool(database_url) as pool:
        yield pool


@pytest.fixture
def books(owner: psycopg.Connection[Any], engine: Engine, jobs_pool: Pool) -> Books:
    return some_books(owner, engine, jobs_pool)
