from __future__ import annotations

from collections.abc import Iterator

import psycopg
import pytest

from chandlery.engine.unit_of_work import Engine
from tests.surfaces.native.world import NativeApi, Owner, World, a_full_world, a_world


@pytest.fixture(scope="session")
def native(engine: Engine) -> NativeApi:
    return NativeApi(engine)


@pytest.fixture
def world(owner: Owner) -> World:
    """A tenant of this test's own, with a catalogue and prices."""
    return a_world(owner)


@pytest.fixture
async def full_world(engine: Engine, owner: Owner) -> World:
    """The same with one of everything that a path can name."""
    return await a_full_world(engine, owner)


@pytest.fixture(scope="module")
def lasting_owner(database_url: str) -> Iterator[Owner]:
    with psycopg.connect(database_url, autocommit=True) as connection:
        yield connection


@pytest.fixture(scope="module")
async def lasting_world(engine: Engine, lasting_owner: Owner) -> World:
    """One full world for a module whose tests are all refused, so that none of them changes it."""
    return await a_full_world(engine, lasting_owner)
