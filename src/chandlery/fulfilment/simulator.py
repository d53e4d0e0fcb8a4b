"""A vendor to try things on: a real HTTP server that speaks our protocol, keeps books, and fails on demand.

It stands for somebody else's system, in tests of the `http` provider and beside a server that is being tried out
(`chandlery simulate-vendor`). Unlike the sandbox it recognises a reference that comes again. How it shall fail is told
by faults, or by the order itself: the characteristic `simulate` of a line names a behaviour.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from typing import Any, Literal, get_args

import msgspec

from chandlery.engine import signatures
from chandlery.engine.outbound import Outbound
from chandlery.kernel.clock import Clock, SystemClock

Behaviour = Literal[
    "refuse", "fail", "accept", "hang", "lose_answer", "lose_request", "unavailable", "break_down", "garble"
]
BEHAVIOURS = get_args(Behaviour)
_DOES_IT = frozenset({"accept", "hang", "lose_answer", "break_down", "garble"})
_MAX_BYTES = 1024 * 1024
_TIMEOUT_SECONDS = 10.0


@dataclass(slots=True)
class SimulatedFault:
    """What happens to the next `times` requests (or questions: `call="query"`) instead of what should.

    refuse, fail    not done, and said so        accept        taken on; `finish` ends it
    hang            done, and never answered     lose_answer   done, and the connection breaks
    lose_request    not done, connection breaks  unavailable   not done, status 503
    break_down      done, and status 500         garble        done, and an answer that cannot be read
    """

    behaviour: Behaviour
    times: int = 1
    call: Literal["send", "query"] = "send"


@dataclass(slots=True)
class Booked:
    """Something that was really done, or taken on."""

    account: str
    reference: str
    action: str
    vendor_reference: str
    quantity: int
    finished: bool = True


class _Asked(msgspec.Struct, frozen=True):
    action: Literal["provision", "change", "suspend", "resume", "cancel", "query"]
    reference: str
    account: str
    quantity: int = 1
    vendor_reference: str | None = None
    characteristics: dict[str, Any] = {}


_Reply = tuple[int, bytes]
_HANG: _Reply = (0, b"hang")
_DROP: _Reply = (0, b"drop")


@dataclass(slots=True)
class Simulator:
    """`books` is what it has done, `asked` how many requests and questions it has had."""

    secret: str = field(repr=False)
    clock: Clock = field(default_factory=SystemClock)
    books: list[Booked] = field(default_factory=list)
    faults: list[SimulatedFault] = field(default_factory=list)
    asked: list[str] = field(default_factory=list)
    port: int = 0
    _connections: set[asyncio.Task[None]] = field(default_factory=set)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/chandlery"

    def booked(self, reference: str) -> list[Booked]:
        return [entry for entry in self.books if entry.reference == reference]

    def finish(self, reference: str) -> Booked:
        """End what was accepted."""
        entry = self.booked(reference)[0]
        entry.finished = True
        return entry

    async def call_back(self, outbound: Outbound, url: str, reference: str, status: str = "done") -> int:
        """Say how it went; the status of the answer."""
        entry = self.finish(reference)
        message = {
            "reference": reference,
            "status": status,
            "vendor_reference": entry.vendor_reference if status == "done" else "",
            "reason": "" if status == "done" else "The simulated vendor was told to say so.",
        }
        body = msgspec.json.encode(message)
        headers = signatures.sign(
            [signatures.key_of(self.secret)], f"sim_{reference}", self.clock.now(), body
        )
        answer = await outbound.send(
            "POST", url, {"content-type": "application/json", **headers}, body, _TIMEOUT_SECONDS
        )
        return answer.status

    def reply(self, headers: dict[str, str], body: bytes) -> _Reply:
        """The vendor itself, without the network."""
        keys = [signatures.key_of(self.secret)]
        if not signatures.is_signed(keys, headers, body, self.clock.now()):
            return 401, _json(reason="The signature does not fit.")
        try:
            asked = msgspec.json.decode(body, type=_Asked)
        except (msgspec.DecodeError, UnicodeError, RecursionError) as error:
            return 400, _json(reason=str(error))
        self.asked.append(asked.action)
        fault = self._strike(asked)
        return self._report(asked, fault) if asked.action == "query" else self._do(asked, fault)

    def _do(self, asked: _Asked, fault: str | None) -> _Reply:
        before = [one for one in self.booked(asked.reference) if one.account == asked.account]
        if before:
            return _told(before[0])
        if fault is None or fault in _DOES_IT:
            name = asked.vendor_reference or f"SIM-{len(self.books) + 1:08d}"
            entry = Booked(
                asked.account, asked.reference, asked.action, name, asked.quantity, fault != "accept"
            )
            self.books.append(entry)
            return _misled(fault) or _told(entry)
        if fault in ("refuse", "fail"):
            status = "refused" if fault == "refuse" else "failed"
            return 200, _json(status=status, reason="The simulated vendor was told to do this.")
        return _misled(fault) or (500, b"")

    def _report(self, asked: _Asked, fault: str | None) -> _Reply:
        found = [one for one in self.booked(asked.reference) if one.account == asked.account]
        return _misled(fault) or (_told(found[0]) if found else (200, _json(status="never_seen")))

    def _strike(self, asked: _Asked) -> str | None:
        call = "query" if asked.action == "query" else "send"
        for fault in self.faults:
            if fault.call == call and fault.times > 0:
                fault.times -= 1
                return fault.behaviour
        wished = asked.characteristics.get("simulate")
        return wished if wished in BEHAVIOURS else None

    def take(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.create_task(self._serve(reader, writer))
        self._connections.add(task)
        task.add_done_callback(self._connections.discard)

    async def hang_up(self) -> None:
        for task in list(self._connections):
            task.cancel()
        await asyncio.gather(*self._connections, return_exceptions=True)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            async with asyncio.timeout(600):
                head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
                pairs = [line.partition(":") for line in head[1:-2]]
                headers = {name.strip().lower(): value.strip() for name, _, value in pairs}
                length = int(headers.get("content-length", "0"))
                body = await reader.readexactly(min(length, _MAX_BYTES))
                reply = self.reply(headers, body)
                if reply == _HANG:
                    await reader.read()  # until the caller has had enough
                elif reply != _DROP:
                    status, content = reply
                    lines = (f"HTTP/1.1 {status} -", f"content-length: {len(content)}", "connection: close")
                    writer.write("\r\n".join((*lines, "", "")).encode() + content)
                    await writer.drain()
        except (OSError, ValueError, TimeoutError, asyncio.IncompleteReadError, asyncio.LimitOverrunError):
            pass  # not HTTP as we speak it, or the caller has gone
        finally:
            writer.close()
            with suppress(OSError):
                await writer.wait_closed()


@asynccontextmanager
async def simulated_vendor(
    secret: str, clock: Clock | None = None, port: int = 0, faults: Sequence[SimulatedFault] = ()
) -> AsyncIterator[Simulator]:
    """A vendor on loopback, on a free port unless one is given."""
    simulator = Simulator(secret, clock or SystemClock(), faults=list(faults))
    server = await asyncio.start_server(simulator.take, "127.0.0.1", port)
    simulator.port = server.sockets[0].getsockname()[1]
    try:
        yield simulator
    finally:
        server.close()
        await simulator.hang_up()


def _misled(fault: str | None) -> _Reply | None:
    match fault:
        case "hang":
            return _HANG
        case "lose_answer" | "lose_request":
            return _DROP
        case "unavailable":
            return 503, _json(reason="Come back later.")
        case "break_down":
            return 500, b"<html>Something went wrong.</html>"
        case "garble":
            return 200, b"OK"
    return None


def _told(entry: Booked) -> _Reply:
    if entry.finished:
        facts = {"console": f"https://console.example/{entry.vendor_reference}"}
        return 200, _json(status="done", vendor_reference=entry.vendor_reference, facts=facts)
    return 202, _json(status="accepted", vendor_reference=entry.vendor_reference, poll_after_seconds=60)


def _json(**members: Any) -> bytes:
    return msgspec.json.encode(members)
