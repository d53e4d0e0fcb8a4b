"""A closed-loop HTTP/1.1 client that costs little itself: it shares two cores with what it measures."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from itertools import count, cycle
from typing import Any

import msgspec

_TIMEOUT_SECONDS = 60.0


class Unexpected(Exception):
    """The server answered something else than it should have."""


@dataclass(frozen=True, slots=True)
class Answer:
    status: int
    body: bytes
    seconds: float

    def json(self) -> Any:
        return msgspec.json.decode(self.body)


class _Wire(asyncio.Protocol):
    """One connection, one request at a time; answers carry a Content-Length."""

    def __init__(self) -> None:
        self.transport: asyncio.Transport | None = None
        self._waiting: asyncio.Future[tuple[int, bytes]] | None = None
        self._received = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport

    def connection_lost(self, exc: Exception | None) -> None:
        if self._waiting is not None and not self._waiting.done():
            self._waiting.set_exception(exc or ConnectionResetError("the server closed the connection"))

    def data_received(self, data: bytes) -> None:
        self._received += data
        answer = parse_answer(self._received)
        if answer is not None and self._waiting is not None and not self._waiting.done():
            status, body, used = answer
            self._received = self._received[used:]
            self._waiting.set_result((status, body))

    async def exchange(self, request: bytes) -> tuple[int, bytes]:
        assert self.transport is not None
        self._waiting = asyncio.get_running_loop().create_future()
        self.transport.write(request)
        return await asyncio.wait_for(self._waiting, _TIMEOUT_SECONDS)


def parse_answer(received: bytes) -> tuple[int, bytes, int] | None:
    """Status, body and how many bytes both took; None as long as something is missing."""
    end = received.find(b"\r\n\r\n")
    if end < 0:
        return None
    head = received[:end].lower()
    at = head.find(b"\r\ncontent-length:")
    if at < 0 and head[9:12] not in (b"204", b"304"):
        raise Unexpected(f"an answer without Content-Length: {head[:200]!r}")
    length = int(head[at + 17 :].split(b"\r\n", 1)[0]) if at >= 0 else 0
    whole = end + 4 + length
    return (int(head[9:12]), received[end + 4 : whole], whole) if len(received) >= whole else None


class Sender:
    """One connection with the tokens of some API clients, used in turns: there is a limit for each."""

    def __init__(self, wire: _Wire, host: str, tokens: Sequence[str]) -> None:
        self._wire = wire
        self._heads = cycle(f"Host: {host}\r\nAuthorization: Bearer {token}\r\n".encode() for token in tokens)

    async def send(
        self, method: str, path: str, body: Any = None, *, expect: int, key: str | None = None
    ) -> Answer:
        """Send JSON and take the answer; any other status than `expect` ends the measurement."""
        content = b"" if body is None else msgspec.json.encode(body)
        return await self.send_bytes(method, path, content, "application/json", expect=expect, key=key)

    async def send_bytes(
        self, method: str, path: str, content: bytes, kind: str, *, expect: int, key: str | None = None
    ) -> Answer:
        lines = [f"{method} {path} HTTP/1.1\r\n".encode(), next(self._heads)]
        if content or method != "GET":
            lines.append(f"Content-Type: {kind}\r\nContent-Length: {len(content)}\r\n".encode())
        if key is not None:
            lines.append(f"Idempotency-Key: {key}\r\n".encode())
        started = time.perf_counter()
        status, answered = await self._wire.exchange(b"".join((*lines, b"\r\n", content)))
        if status != expect:
            raise Unexpected(f"{method} {path} answered {status} instead of {expect}: {answered[:600]!r}")
        return Answer(status, answered, time.perf_counter() - started)


@asynccontextmanager
async def senders(port: int, tokens: Sequence[Sequence[str]]) -> AsyncIterator[list[Sender]]:
    """A connection for each group of tokens."""
    loop = asyncio.get_running_loop()
    wires: list[_Wire] = []
    try:
        for _ in tokens:
            wires.append((await loop.create_connection(_Wire, "127.0.0.1", port))[1])
        yield [Sender(wire, f"127.0.0.1:{port}", own) for wire, own in zip(wires, tokens, strict=True)]
    finally:
        for wire in wires:
            if wire.transport is not None:
                wire.transport.close()


Work = Callable[[Sender, int], Awaitable[None]]


async def share_out(workers: Sequence[Sender], numbers: Iterator[int], work: Work) -> float:
    """Each sender takes the next number as soon as it is done with the last; the seconds until all are done."""

    async def go_on(sender: Sender) -> None:
        for number in numbers:
            await work(sender, number)

    started = time.perf_counter()
    try:
        async with asyncio.TaskGroup() as group:
            for sender in workers:
                group.create_task(go_on(sender))
    except ExceptionGroup as broken:  # one of them tells enough
        raise broken.exceptions[0] from None
    return time.perf_counter() - started


def until(seconds: float) -> Iterator[int]:
    """Numbers for as long as the seconds last."""
    deadline = time.perf_counter() + seconds
    for number in count():
        if time.perf_counter() >= deadline:
            return
        yield number
