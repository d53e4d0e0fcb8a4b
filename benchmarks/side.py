"""What is measured beside the flow: price sheets with readers beside them, and pages of a long list."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from benchmarks.figures import median, percentile
from benchmarks.flow import Target
from benchmarks.load import Sender, senders
from benchmarks.world import price_sheet

_READ_EVERY_SECONDS = 0.01
_QUIET_SECONDS = 2.0
_PAGE_SIZE = 10


@dataclass(frozen=True, slots=True)
class ImportResult:
    """Rows per second of one import, and the waits of a reader before and meanwhile, in milliseconds."""

    rows_per_second: float
    quiet_p99_ms: float
    meanwhile_p99_ms: float


async def import_beside_reader(
    target: Target, operator_token: str, order_id: str, rows: int, name: str
) -> ImportResult:
    """Send a sheet of new plans, while a client of the same server reads an order a hundred times a second."""
    sheet = price_sheet(rows, name)
    path = "/v1/price-sheets?format=multi-vendor&complete=false"
    async with senders(target.port, [[operator_token], target.tokens[0]]) as (importer, reader):
        quiet = await _read_for(reader, order_id, asyncio.create_task(asyncio.sleep(_QUIET_SECONDS)))
        sending = asyncio.create_task(importer.send_bytes("POST", path, sheet, "text/csv", expect=200))
        meanwhile = await _read_for(reader, order_id, sending)
        answer = await sending
    report = answer.json()
    if report["added"] != rows:
        raise RuntimeError(f"{rows} rows were to be added: {report}")
    return ImportResult(rows / answer.seconds, 1000 * percentile(quiet, 99), 1000 * percentile(meanwhile, 99))


async def _read_for(reader: Sender, order_id: str, over: asyncio.Task[Any]) -> list[float]:
    """The seconds of each read, until something else is over."""
    waits = []
    while not over.done():
        waits.append((await reader.send("GET", f"/v1/orders/{order_id}", expect=200)).seconds)
        await asyncio.sleep(_READ_EVERY_SECONDS)
    return waits


async def page_waits(target: Target, page: int, times: int) -> tuple[float, float]:
    """Median seconds of the first page of the orders and of that one, asked for in turns."""
    async with senders(target.port, target.tokens) as connections:
        first = f"/v1/orders?limit={_PAGE_SIZE}"
        far = await _path_of_page(connections, first, page)
        waits: dict[str, list[float]] = {first: [], far: []}
        for number in range(times):
            for path in (first, far) if number % 2 else (far, first):
                answer = await connections[number % len(connections)].send("GET", path, expect=200)
                if len(answer.json()["items"]) != _PAGE_SIZE:
                    raise RuntimeError(f"page {path} is not full")
                waits[path].append(answer.seconds)
    return median(waits[first]), median(waits[far])


async def _path_of_page(connections: Sequence[Sender], first: str, page: int) -> str:
    path = first
    for number in range(page - 1):
        answer = await connections[number % len(connections)].send("GET", path, expect=200)
        path = f"{first}&cursor={quote(answer.json()['next_cursor'])}"
    return path
