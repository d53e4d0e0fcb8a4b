"""Answers sent piece by piece, as the ASGI server sees them."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from dataclasses import dataclass, field, replace
from typing import Any

import pytest

from chandlery.surfaces.http.call import Call
from chandlery.surfaces.http.edge import Edge, asgi_app
from chandlery.surfaces.http.route import House, Reply
from chandlery.surfaces.http.streaming import MOST_STREAMS, Stream, Streams
from tests.surfaces.http.toys import SURFACE, FakeEngine, Seconds, route, verify


@dataclass(slots=True)
class Toys:
    """A stream of numbered toys: so many, then an error, the end, or a pause that only somebody else ends."""

    ending: str = "ends"
    closed: asyncio.Event = field(default_factory=asyncio.Event)

    async def pieces(self) -> AsyncGenerator[bytes, None]:
        try:
            for number in range(3):
                yield b"%d\n" % number
            if self.ending == "breaks":
                raise ZeroDivisionError
            if self.ending == "waits":
                await asyncio.Event().wait()
        finally:
            self.closed.set()


@dataclass(slots=True)
class Caller:
    """One request; `leave` is the connection that ends."""

    edge: Edge
    method: str = "GET"
    left: asyncio.Event = field(default_factory=asyncio.Event)
    sent: list[dict[str, Any]] = field(default_factory=list)
    three: asyncio.Event = field(default_factory=asyncio.Event)
    body_read: bool = False

    async def ask(self) -> None:
        scope = {
            "type": "http",
            "method": self.method,
            "path": "/v1/stream",
            "headers": [(b"authorization", b"Bearer good")],
        }
        await self.edge(scope, self.receive, self.take)

    async def receive(self) -> dict[str, Any]:
        if not self.body_read:
            self.body_read = True
            return {"type": "http.request", "body": b"", "more_body": False}
        await self.left.wait()
        return {"type": "http.disconnect"}

    async def take(self, message: dict[str, Any]) -> None:
        self.sent.append(message)
        if len(self.sent) == 4:
            self.three.set()

    @property
    def bodies(self) -> list[bytes]:
        return [message["body"] for message in self.sent if message["type"] == "http.response.body"]

    @property
    def is_complete(self) -> bool:
        return not self.sent[-1].get("more_body", False)


def an_edge(toys: Toys, *, endless: bool = False, streams: Streams | None = None) -> Edge:
    async def stream_toys(_call: Call) -> Reply:
        return Reply(Stream(toys.pieces(), endless), media_type="text/csv")

    surface = replace(SURFACE, routes=(route("GET", "/v1/stream", stream_toys),))
    house = House(engine=FakeEngine(), verify_token=verify, seconds=Seconds(), streams=streams or Streams())
    return asgi_app(surface, house)


async def test_the_pieces_arrive_in_order_and_then_the_end() -> None:
    toys = Toys()
    caller = Caller(an_edge(toys))
    await caller.ask()
    headers = dict(caller.sent[0]["headers"])
    assert (caller.sent[0]["status"], headers[b"content-type"]) == (200, b"text/csv")
    assert b"content-length" not in headers
    assert caller.bodies == [b"0\n", b"1\n", b"2\n", b""]
    assert caller.is_complete
    assert toys.closed.is_set()


async def test_a_caller_that_goes_away_ends_the_stream() -> None:
    toys = Toys("waits")
    caller = Caller(an_edge(toys, endless=True))
    asking = asyncio.create_task(caller.ask())
    await caller.three.wait()
    caller.left.set()
    await asking
    assert toys.closed.is_set()


async def test_a_server_that_stops_ends_what_has_no_end_and_finishes_the_rest() -> None:
    streams = Streams()
    waiting, ending = Toys("waits"), Toys()
    endless = Caller(an_edge(waiting, endless=True, streams=streams))
    asking = asyncio.create_task(endless.ask())
    await endless.three.wait()
    streams.leave()
    await asking
    assert endless.is_complete
    assert waiting.closed.is_set()
    finite = Caller(an_edge(ending, streams=streams))
    await finite.ask()
    assert finite.bodies == [b"0\n", b"1\n", b"2\n", b""]


async def test_half_an_answer_is_never_ended_as_if_it_were_whole() -> None:
    toys = Toys("breaks")
    caller = Caller(an_edge(toys))
    with pytest.raises(ZeroDivisionError):
        await caller.ask()
    assert caller.bodies == [b"0\n", b"1\n", b"2\n"]
    assert not caller.is_complete


async def test_a_caller_has_so_many_streams_and_no_more() -> None:
    edge = an_edge(Toys("waits"), endless=True)
    open_ones = [Caller(edge) for _ in range(MOST_STREAMS)]
    asking = [asyncio.create_task(caller.ask()) for caller in open_ones]
    for caller in open_ones:
        await caller.three.wait()
    one_more = Caller(edge)
    await one_more.ask()
    assert one_more.sent[0]["status"] == 429
    for caller in open_ones:
        caller.left.set()
    await asyncio.gather(*asking)
    again = Caller(edge)
    asking_again = asyncio.create_task(again.ask())
    await again.three.wait()
    assert again.sent[0]["status"] == 200
    again.left.set()
    await asking_again


async def test_whoever_asks_for_the_head_alone_gets_no_piece() -> None:
    caller = Caller(an_edge(Toys("waits"), endless=True), method="HEAD")
    await caller.ask()
    assert (caller.sent[0]["status"], caller.bodies) == (200, [b""])
