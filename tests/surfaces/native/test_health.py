from __future__ import annotations

from dataclasses import replace

import httpx

from chandlery.kernel.errors import Unavailable
from chandlery.surfaces.native.health import ROUTES
from tests.surfaces.http.toys import SURFACE, a_client


class DatabaseAway(Unavailable):
    """The database is away; wait."""


async def fine() -> None:
    return None


async def away() -> None:
    raise DatabaseAway


async def buggy() -> None:
    raise RuntimeError("password=hunter2")


async def get(path: str, **checks: object) -> httpx.Response:
    async with a_client(surface=replace(SURFACE, routes=ROUTES), token=None, checks=checks) as client:
        return await client.get(path)


async def test_a_live_server_says_so_whatever_its_checks_say() -> None:
    response = await get("/health/live", database=away)
    assert (response.status_code, response.json()) == (200, {"status": "live", "checks": {}})


async def test_ready_means_that_every_check_passes() -> None:
    response = await get("/health/ready", database=fine, worker=fine)
    assert response.status_code == 200
    assert response.json() == {"status": "ready", "checks": {"database": "ok", "worker": "ok"}}


async def test_a_failed_check_is_named() -> None:
    response = await get("/health/ready", database=away, keys=fine)
    assert (response.status_code, response.headers["retry-after"]) == (503, "1")
    assert response.json() == {
        "status": "not ready",
        "checks": {"database": "The database is away; wait.", "keys": "ok"},
    }


async def test_a_check_with_a_bug_is_not_ready_either_and_keeps_its_secrets() -> None:
    response = await get("/health/ready", worker=buggy)
    assert response.status_code == 500
    assert "hunter2" not in response.text
