"""A gate for these tests, as `app` would wire one."""

from __future__ import annotations

import pytest

from chandlery.engine.unit_of_work import Engine
from chandlery.identity.gate import Gate
from tests.identity.builders import a_gate


@pytest.fixture(scope="session")
async def gate(engine: Engine) -> Gate:
    return a_gate(engine)
