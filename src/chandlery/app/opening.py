"""Opening the house: a pool, an engine with its triggers, the gate, the vendors, and the jobs' tasks, wired once."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass

from chandlery.app.settings import Settings
from chandlery.engine.database import PoolSize, open_pool
from chandlery.engine.outbound import Outbound
from chandlery.engine.tasks import Task
from chandlery.engine.unit_of_work import Engine
from chandlery.engine.worker import Periodic
from chandlery.identity.gate import Gate
from chandlery.identity.secrets import MasterKey
from chandlery.kernel.clock import SystemClock
from chandlery.processes.triggers import TRIGGERS
from chandlery.surfaces.http.route import House
from chandlery.surfaces.http.urls import PublicUrls


@dataclass(frozen=True, slots=True)
class OpenHouse:
    """The house, and what the worker runs in it."""

    engine: Engine
    gate: Gate
    house: House
    tasks: Mapping[str, Task]
    periodic: Sequence[Periodic]


@asynccontextmanager
async def open_house(settings: Settings, database_url: str) -> AsyncIterator[OpenHouse]:
    """Open on a migrated database; everything is closed again at the end."""
    async with open_pool(database_url, PoolSize(1, settings.pool_size)) as pool:
        engine = Engine(pool, SystemClock(), TRIGGERS)
        gate = Gate.open(engine, _master_key(settings), settings.base_url)
        raise NotImplementedError


def _master_key(settings: Settings) -> MasterKey:
    if settings.secret_key is not None:
        return MasterKey.from_text(settings.secret_key)
    settings.data.mkdir(parents=True, exist_ok=True)
    return MasterKey.in_folder(settings.data)
