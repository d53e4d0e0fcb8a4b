"""The statements of one order flow, taken down as they travel, and made ready to be sent again for other orders.

Two flows run through the whole server in this process, on connections that write down every statement. What is in the
second and not in the first is new with each order: its ids, its number. Everything else stays as it was taken down.
"""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

import httpx
import msgspec
from psycopg import AsyncConnection, AsyncCursor
from psycopg.types.json import Jsonb
from psycopg_pool import AsyncConnectionPool

from benchmarks.flow import STEPS
from chandlery.engine.database import APP_ROLE, Pool, conninfo_as
from chandlery.engine.unit import Meter

_UUID = re.compile(rb"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")
Statement = tuple[str, Any]


@dataclass(slots=True)
class Tape:
    """Round trips as they happen, each with its statements."""

    trips: list[list[Statement]] = field(default_factory=list)

    def take(self) -> list[list[Statement]]:
        trips, self.trips = self.trips, []
        return [trip for trip in trips if trip]


class _TapedCursor(AsyncCursor[Any]):
    async def execute(self, query: Any, params: Any = None, **options: Any) -> Any:
        connection = self.connection
        assert isinstance(connection, TapedConnection)
        connection.tape.trips[-1].append((query, params))
        return await super().execute(query, params, **options)


class TapedConnection(AsyncConnection[Any]):
    """Writes down what is sent; `tape` is set by the pool that opens it."""

    tape: Tape

    @asynccontextmanager
    async def pipeline(self) -> AsyncIterator[Any]:
        self.tape.trips.append([])
        async with super().pipeline() as pipeline:
            yield pipeline


def taped_pool(url: str, tape: Tape) -> Pool:
    """One connection as the app opens it."""

    async def configure(connection: AsyncConnection[Any]) -> None:
        assert isinstance(connection, TapedConnection)
        connection.tape = tape
        connection.tape.trips.append([])
        connection.cursor_factory = _TapedCursor

    return AsyncConnectionPool(
        conninfo_as(url, APP_ROLE),
        connection_class=TapedConnection,
        kwargs={"autocommit": True, "prepare_threshold": 0},
        min_size=1,
        max_size=1,
        configure=configure,
        open=False,
    )


@dataclass(slots=True)
class Recorded:
    """One flow: its order, the statements and the meters of each step."""

    order_id: UUID
    serial: int
    number: str
    steps: dict[str, list[list[Statement]]] = field(default_factory=dict)
    meters: dict[str, list[Meter]] = field(default_factory=dict)


async def record_flow(
    app: Any, tape: Tape, meters: list[Meter], token: str, customer: str, skus: Sequence[str]
) -> Recorded:
    """Send one flow to the app in this process."""
    recorded = Recorded(UUID(int=0), 0, "")
    headers = {"Authorization": f"Bearer {token}"}
    transport = httpx.ASGITransport(app)
    async with httpx.AsyncClient(transport=transport, base_url="http://bench.test", headers=headers) as http:
        for step in STEPS:
            tape.take()
            tape.trips.append([])
            meters.clear()
            path = f"/v1/orders/{recorded.order_id}"
            if step == "create":
                answer = await http.post("/v1/orders", json={"customer_id": customer, "po_number": "PO-1"})
                recorded.order_id = UUID(answer.json()["id"])
                recorded.number = answer.json()["number"]
                recorded.serial = int(re.sub(r"\D", "", recorded.number))
            elif step == "checkout":
                key = {"Idempotency-Key": str(recorded.order_id)}
                answer = await http.post(f"{path}/checkout", headers=key)
            elif step == "read":
                answer = await http.get(path)
            else:
                sku = skus[0 if step == "add_line_1" else 1]
                answer = await http.post(f"{path}/lines", json={"sku": sku, "quantity": 3})
            answer.raise_for_status()
            recorded.steps[step] = tape.take()
            recorded.meters[step] = list(meters)
    return recorded


@dataclass(frozen=True, slots=True)
class Fresh:
    """What is new for an order that is played: its ids are its own id and the numbers after it."""

    order_id: UUID
    serial: int

    def id(self, place: int) -> UUID:
        return UUID(int=self.order_id.int + place) if place else self.order_id


class Score:
    """The statements of every step, with places for what is new."""

    def __init__(self, first: Recorded, second: Recorded) -> None:
        known = set(_uuids_of(first))
        new = [found for found in _uuids_of(second) if found not in known and found != second.order_id]
        self._places = {found: place for place, found in enumerate(dict.fromkeys([second.order_id, *new]))}
        self._serial, self._number = second.serial, second.number.encode()
        self.steps: dict[str, list[list[tuple[str, tuple[_Part, ...] | None]]]] = {
            step: [[(query, self._parts(params)) for query, params in trip] for trip in trips]
            for step, trips in second.steps.items()
        }

    def _parts(self, params: Any) -> tuple[_Part, ...] | None:
        return None if params is None else tuple(self._part(value) for value in params)

    def _part(self, value: Any) -> _Part:
        if isinstance(value, UUID) and value in self._places:
            return _Id(self._places[value])
        if isinstance(value, int) and value == self._serial:
            return _Serial()
        text = _text_of(value)
        if text is None or not (self._number in text or any(str(i).encode() in text for i in self._places)):
            return _Constant(value)
        return _Text(*self._cut(text), type(value))

    def _cut(self, text: bytes) -> tuple[list[bytes], list[int | None]]:
        """The pieces between the new ids (their places) and numbers (None)."""
        words = {str(found).encode(): place for found, place in self._places.items()}
        pattern = b"(" + b"|".join(re.escape(word) for word in [*words, self._number]) + b")"
        found = re.split(pattern, text)
        return found[::2], [words.get(word) for word in found[1::2]]


@dataclass(frozen=True, slots=True)
class _Constant:
    value: Any

    def play(self, _fresh: Fresh) -> Any:
        return self.value


@dataclass(frozen=True, slots=True)
class _Id:
    place: int

    def play(self, fresh: Fresh) -> Any:
        return fresh.id(self.place)


@dataclass(frozen=True, slots=True)
class _Serial:
    def play(self, fresh: Fresh) -> Any:
        return fresh.serial


@dataclass(frozen=True, slots=True)
class _Text:
    pieces: list[bytes]
    between: list[int | None]
    kind: type

    def play(self, fresh: Fresh) -> Any:
        text = self.pieces[0]
        for place, piece in zip(self.between, self.pieces[1:], strict=True):
            text += (f"SB{fresh.serial}" if place is None else str(fresh.id(place))).encode() + piece
        if self.kind is Jsonb:
            return Jsonb(text, dumps=_as_it_is)
        return text.decode() if self.kind is str else text


_Part = _Constant | _Id | _Serial | _Text


def _as_it_is(text: Any) -> bytes:
    return bytes(text)


def _text_of(value: Any) -> bytes | None:
    if isinstance(value, Jsonb):
        return msgspec.json.encode(value.obj)
    if isinstance(value, str):
        return value.encode()
    return value if isinstance(value, bytes) else None


def _uuids_of(recorded: Recorded) -> list[UUID]:
    found: list[UUID] = []
    for trips in recorded.steps.values():
        for _, params in (statement for trip in trips for statement in trip):
            for value in params or ():
                if isinstance(value, UUID):
                    found.append(value)
                else:
                    found += [UUID(text.decode()) for text in _UUID.findall(_text_of(value) or b"")]
    return found
