"""A long bulk on a real server that is killed in the middle: taken up again, and nothing in it happens twice."""

from __future__ import annotations

import asyncio
from collections import Counter
from typing import Any

import httpx
import pytest

from tests.app.served import a_served_distributor

pytestmark = pytest.mark.long

PATIENCE_SECONDS = 90.0
COUNT = 600


async def progress(client: httpx.AsyncClient, path: str, least: int) -> dict[str, Any]:
    """The bulk, once so much of it is done."""
    async with asyncio.timeout(PATIENCE_SECONDS):
        while True:
            found: dict[str, Any] = (await client.get(path)).json()
            if found["done"] >= least:
                return found
            await asyncio.sleep(0.01)


async def everything(client: httpx.AsyncClient, path: str) -> list[dict[str, Any]]:
    items: list[dict[str, Any]] = []
    query: dict[str, Any] = {"limit": 200}
    while True:
        page = (await client.get(path, params=query)).json()
        items += page["items"]
        if page["next_cursor"] is None:
            return items
        query["cursor"] = page["next_cursor"]


async def test_a_power_cut_in_the_middle_of_a_bulk_does_nothing_twice() -> None:
    body = {"kind": "customer"}
    operations = [
        {"method": "POST", "path": "/v1/organizations", "body": body | {"name": f"Customer {number}"}}
        for number in range(COUNT)
    ]
    with a_served_distributor() as served:
        async with served.client() as client:
            sent = await client.post("/v1/bulk", json={"operations": operations})
            assert sent.status_code == 202, sent.text
            path = f"/v1/bulk/{sent.json()['id']}"
            cut = await progress(client, path, COUNT // 10)
            await asyncio.to_thread(served.server.kill_everything)
        assert cut["status"] == "running"
        served.server.start()
        async with served.client() as client:
            done = await progress(client, path, COUNT)
            assert (done["status"], done["failed"]) == ("completed", 0)
            results = await everything(client, f"{path}/results")
            assert [result["status"] for result in results] == [201] * COUNT
            found = await everything(client, "/v1/organizations")
            names = Counter(item["name"] for item in found if item["kind"] == "customer")
            assert names == {f"Customer {number}": 1 for number in range(COUNT)}
            ids = {item["id"] for item in found}
            assert {result["body"]["id"] for result in results} <= ids
