from __future__ import annotations

from collections.abc import AsyncIterator
from itertools import count

import httpx
import pytest

from chandlery.engine.outbound import Outbound
from chandlery.engine.unit_of_work import Engine
from chandlery.identity.gate import Gate
from chandlery.surfaces.http.edge import asgi_app
from chandlery.surfaces.http.route import House
from chandlery.surfaces.http.urls import PublicUrls
from chandlery.surfaces.oauth.openid import OpenId
from chandlery.surfaces.oauth.routes import surface
from chandlery.surfaces.oauth.wiring import Wiring
from tests.identity.builders import ISSUER, a_gate
from tests.surfaces.oauth.browser import Browser


@pytest.fixture(scope="session")
def gate(engine: Engine) -> Gate:
    return a_gate(engine)


@pytest.fixture
async def browser(gate: Gate) -> AsyncIterator[Browser]:
    """A browser at the sign-in pages; calls outside may go to this machine."""
    outbound = Outbound(allow_private_addresses=True)
    house = House(
        engine=gate.engine,
        urls=PublicUrls(ISSUER),
        seconds=count(0.0, 60.0).__next__,  # never fast enough to be limited
        wired=Wiring(gate, OpenId(outbound, gate.engine.clock)),
    )
    transport = httpx.ASGITransport(asgi_app(surface("1"), house))
    async with httpx.AsyncClient(transport=transport, base_url=ISSUER) as client:
        yield Browser(client)
    await outbound.close()
