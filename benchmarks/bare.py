"""What the same statements cost when nothing else is done: a Litestar handler per step that replays them.

Started as a process of its own. It takes two flows down through the real server, prints what each step sent, and then
serves the same paths: decode the body, fill in ids, the same pipelines on the same kind of pool, rows out as JSON. No
token is verified, no rule is asked, no noun is built.
"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Sequence
from contextlib import AsyncExitStack
from itertools import count
from pathlib import Path
from typing import Any
from uuid import UUID

import msgspec
from litestar import Litestar, Request, Response, get, post
from litestar.config.response_cache import ResponseCacheConfig
from psycopg import AsyncConnection

from benchmarks.flow import STEPS
from benchmarks.servers import DATABASE
from benchmarks.tape import Fresh, Recorded, Score, Tape, record_flow, taped_pool
from chandlery.app import logs
from chandlery.app.http_server import listen, serve_asgi
from chandlery.app.mounts import asgi_app
from chandlery.app.opening import open_house
from chandlery.app.settings import Settings
from chandlery.engine.children import die_with_parent
from chandlery.engine.database import Pool, PoolSize, open_pool
from chandlery.engine.embedded_postgres import running_server
from chandlery.engine.unit import Meter
from chandlery.kernel.ids import new_id

_encode = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder().decode
_FIRST_SERIAL = 5_000_000_000


class Orders(msgspec.Struct):
    """What the process is told on its command line, as JSON."""

    data: str
    port: int
    base_url: str
    token: str
    customer: str
    skus: list[str]


class Cost(msgspec.Struct):
    """What one step sent to PostgreSQL."""

    round_trips: int
    statements: int


class Player:
    """Plays a step for an order: every round trip one pipeline."""

    def __init__(self, pool: Pool, score: Score) -> None:
        self._pool, self._score = pool, score
        self._serials = count(_FIRST_SERIAL)

    async def play(self, step: str, order_id: UUID | None) -> tuple[UUID, list[Any]]:
        fresh = Fresh(order_id or new_id(), next(self._serials))
        rows: list[Any] = []
        async with self._pool.connection() as connection:
            for trip in self._score.steps[step]:
                rows = await _send(connection, trip, fresh)
        return fresh.order_id, rows


async def _send(connection: AsyncConnection[Any], trip: Sequence[tuple[str, Any]], fresh: Fresh) -> list[Any]:
    cursors = []
    async with connection.pipeline():
        for query, parts in trip:
            cursor = connection.cursor(binary=True)
            values = None if parts is None else [part.play(fresh) for part in parts]
            await cursor.execute(query, values, prepare=True)
            cursors.append(cursor)
    return [await cursor.fetchall() for cursor in cursors if cursor.description is not None]


def bare_app(player: Player) -> Litestar:
    """The five requests of the flow, and one that tells that it is up."""

    async def answer(step: str, order_id: UUID | None, status: int) -> Response[bytes]:
        played, rows = await player.play(step, order_id)
        body = _encode({"id": played, "rows": rows})
        return Response(body, status_code=status, media_type="application/json")

    @post("/v1/orders")
    async def create(request: Request[Any, Any, Any]) -> Response[bytes]:
        _decode(await request.body())
        return await answer("create", None, 201)

    @post("/v1/orders/{order_id:str}/lines")
    async def add_line(request: Request[Any, Any, Any], order_id: str) -> Response[bytes]:
        _decode(await request.body())
        return await answer("add_line_1", UUID(order_id), 201)

    @post("/v1/orders/{order_id:str}/second-lines")
    async def add_second_line(request: Request[Any, Any, Any], order_id: str) -> Response[bytes]:
        _decode(await request.body())
        return await answer("add_line_2", UUID(order_id), 201)

    @post("/v1/orders/{order_id:str}/checkout")
    async def checkout(order_id: str) -> Response[bytes]:
        return await answer("checkout", UUID(order_id), 202)

    @get("/v1/orders/{order_id:str}")
    async def read(order_id: str) -> Response[bytes]:
        return await answer("read", UUID(order_id), 200)

    @get("/health/ready")
    async def ready() -> Response[bytes]:
        return Response(b"{}", media_type="application/json")

    handlers = [create, add_line, add_second_line, checkout, read, ready]
    return Litestar(handlers, openapi_config=None, response_cache_config=ResponseCacheConfig())


async def take_down(orders: Orders, url: str) -> tuple[Score, dict[str, Cost]]:
    """Two flows through the house in this process, on a pool that writes everything down."""
    tape, meters = Tape(), list[Meter]()
    settings = Settings(data=Path(orders.data), public_url=orders.base_url)
    flows: list[Recorded] = []
    async with AsyncExitStack() as stack:
        opened = await stack.enter_async_context(open_house(settings, url))
        opened.engine.pool = await stack.enter_async_context(taped_pool(url, tape))
        opened.engine.observe = meters.append
        app = asgi_app(opened)
        for _ in range(3):  # the first one fills caches
            flow = await record_flow(app, tape, meters, orders.token, orders.customer, orders.skus)
            flows.append(flow)
    costs = {
        step: Cost(
            sum(meter.round_trips for meter in flows[-1].meters[step]),
            sum(meter.statements for meter in flows[-1].meters[step]),
        )
        for step in STEPS
    }
    return Score(flows[-2], flows[-1]), costs


async def run(orders: Orders, url: str) -> None:
    score, costs = await take_down(orders, url)
    sys.stdout.write(_encode(costs).decode() + "\n")
    sys.stdout.flush()
    async with open_pool(url, PoolSize(1, 10)) as pool:
        await serve_asgi(bare_app(Player(pool, score)), listen("127.0.0.1", orders.port))


def main() -> None:
    die_with_parent()
    logs.configure("error")
    orders = msgspec.json.decode(sys.argv[1], type=Orders)
    running = running_server(Path(orders.data))
    if running is None:
        sys.exit("There is no server to take the statements from.")
    asyncio.run(run(orders, running.owner_url(DATABASE)))


if __name__ == "__main__":
    main()
