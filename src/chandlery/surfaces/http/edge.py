"""The edge: from an ASGI request to a handler and back, alike for every surface.

    path made plain - CORS - route - who asks - rate - query - body - handler - answer - one line of log

Litestar finds the route; what happens to it happens here, so that every answer, refusals and unknown paths too, leaves
through one door. Nothing here lives longer than a request except the rate limits, so there is no lifespan to run.
"""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

import structlog
from litestar import Litestar, Request, Response
from litestar.handlers import HTTPRouteHandler
from litestar.types import ASGIApp, Scope

from chandlery.kernel.actor import Actor
from chandlery.kernel.errors import Fault
from chandlery.surfaces.http.call import Call, Inner, Rendered, render
from chandlery.surfaces.http.cors import allowed, cors_headers, options
from chandlery.surfaces.http.decoding import BodyDecoder, QueryDecoder, read_body
from chandlery.surfaces.http.errors import InternalError, MethodNotAllowed, PathUnknown, RateExceeded
from chandlery.surfaces.http.head import Head, head_of
from chandlery.surfaces.http.limits import Limiter, Rate
from chandlery.surfaces.http.openapi import documents
from chandlery.surfaces.http.route import House, Reply, Route, Surface
from chandlery.surfaces.http.streaming import Stream

_log = structlog.get_logger("chandlery.access")

Send = Callable[[Any], Awaitable[None]]
Receive = Callable[[], Awaitable[Any]]

_TOLD = {401, 403, 429}
"""Besides failures of ours, what an operator wants to see; the rest of the requests is told at level debug."""


@dataclass(slots=True)
class _Entry:
    """A route, made ready."""

    route: Route
    at: tuple[House, Surface, Route]
    names: tuple[tuple[int, str], ...]
    limiter: Limiter
    query: QueryDecoder
    body: BodyDecoder | None


@dataclass(slots=True)
class _Exchange:
    """What becomes known of one request on its way."""

    head: Head
    receive: Receive
    found: dict[str, _Entry] | None = None
    entry: _Entry | None = None
    principal: str | None = None
    rate_headers: list[tuple[bytes, bytes]] | None = None


def asgi_app(surface: Surface, house: House) -> Edge:
    """The surface as an ASGI app, with `/openapi.json`, `/openapi.yaml` and `/docs` beside its own routes."""
    return Edge(surface, house)


class Edge:
    def __init__(self, surface: Surface, house: House) -> None:
        self._surface = surface
        self._house = house
        self._seconds = house.seconds
        self._limiters: dict[Rate, Limiter] = {}
        self._verbs = re.compile(r"(?!)()")
        self._headers = [(n.encode(), v.encode()) for n, v in surface.dialect.headers]
        self._router = self._route_table((*surface.routes, *documents(surface, house.urls)))

    def _route_table(self, routes: tuple[Route, ...]) -> Litestar:
        by_path: dict[str, dict[str, _Entry]] = {}
        verbs = {s for route in routes for s in route.segments if s.startswith(":")}
        if verbs:
            alternatives = "|".join(re.escape(verb) for verb in sorted(verbs))
            flags = re.IGNORECASE if self._surface.ignores_case else 0
            self._verbs = re.compile(rf"(?<=[^/])({alternatives})(?=/|\Z)", flags)
        for route in routes:
            pattern = "/" + "/".join(
                f"{{p{index}:str}}" if segment.startswith("{") else self._fold(segment)
                for index, segment in enumerate(route.segments)
            )
            if (
                by_path.setdefault(pattern, {}).setdefault(route.method, entry := self._entry(route))
                is not entry
            ):
                raise ValueError(f"{route.method} {route.path} is there twice")
        for entries in by_path.values():
            if len({entry.route.path for entry in entries.values()}) > 1:
                raise ValueError(
                    f"one path, two names for its parts: {[e.route.path for e in entries.values()]}"
                )
            if "GET" in entries:
                entries.setdefault("HEAD", entries["GET"])
        return Litestar(
            [_finder(pattern, entries) for pattern, entries in by_path.items()],
            openapi_config=None,
            logging_config=None,
            exception_handlers={Exception: _not_found},
        )

    def _entry(self, route: Route) -> _Entry:
        dialect = self._surface.dialect
        rate = route.rate or self._surface.rate
        return _Entry(
            route,
            (self._house, self._surface, route),
            tuple((i, s[1:-1]) for i, s in enumerate(route.segments) if s.startswith("{")),
            self._limiters.setdefault(rate, Limiter(rate, self._seconds)),
            QueryDecoder(route.query, dry_run=route.dry_run, strict=dialect.refuses_unknown_parameters),
            BodyDecoder(route.body, route.accepts or dialect.accepts) if route.body is not None else None,
        )

    def _fold(self, path: str) -> str:
        return path.lower() if self._surface.ignores_case else path

    async def __call__(self, scope: Any, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._not_http(scope, receive, send)
            return
        started = self._seconds()
        head = head_of(scope, self._plain_path(scope))
        exchange = _Exchange(head, receive)
        cors: list[tuple[bytes, bytes]] = []
        try:
            if b"origin" in head.headers:
                cors = await cors_headers(head, self._house.allows_origin)
            reply = await self._serve(exchange)
            if isinstance(reply.body, Stream):
                self._house.streams.admit(self._caller(exchange))
        except Fault as fault:
            reply = self._surface.dialect.refuse(fault, head)
        except Exception:  # edge: a bug of ours is logged, and never shown
            _log.exception("request failed", request_id=head.request_id, surface=self._surface.name)
            reply = self._surface.dialect.refuse(InternalError(), head)
        entry = exchange.entry
        rendered = render(reply, entry.route if entry else None, self._surface)
        if isinstance(reply.body, Stream):
            await self._stream(send, exchange, (rendered, reply.body), cors)
        else:
            await self._send(send, exchange, rendered, cors)
        tell = _log.info if rendered[0] in _TOLD or rendered[0] >= 500 else _log.debug
        tell(
            "request",
            surface=self._surface.name,
            method=head.method,
            route=entry.route.path if entry else None,
            status=rendered[0],
            ms=round((self._seconds() - started) * 1000, 1),
            principal=exchange.principal,
            request_id=head.request_id,
        )

    def _plain_path(self, scope: Any) -> str:
        """One slash between segments, none at the end, verbs as segments of their own, case as it came."""
        path: str = scope["path"]
        root = scope.get("root_path")
        if root and path.startswith(root):
            path = path[len(root) :]
        if "//" in path or path[-1:] == "/":
            path = "/" + "/".join(part for part in path.split("/") if part)
        return self._verbs.sub(r"/\1", path) if ":" in path else path

    async def within(self, actor: Actor, request: Inner) -> Rendered:
        """A request from inside the house, for somebody who is known already and whom no rate limits. It goes the way
        of any other; whatever it is answered is an answer, refusals too.
        """
        head = dataclasses.replace(request.head, path=self._plain_path({"path": request.head.path}))
        exchange = _Exchange(head, _nothing)
        try:
            entry = self._chosen(exchange, await self._find(exchange))
            request.allows(entry.route)
            reply = await self._handled(exchange, entry, actor, request.body)
        except Fault as fault:
            reply = self._surface.dialect.refuse(fault, head)
        except Exception:  # edge: a bug of ours is logged, and never shown
            _log.exception("request failed", request_id=head.request_id, surface=self._surface.name)
            reply = self._surface.dialect.refuse(InternalError(), head)
        return render(reply, exchange.entry.route if exchange.entry else None, self._surface)

    async def _serve(self, exchange: _Exchange) -> Reply:
        head = exchange.head
        entries = await self._find(exchange)
        if head.method == "OPTIONS":
            return options(head, entries)
        entry = self._chosen(exchange, entries)
        route = entry.route
        actor = None
        if not route.public:
            actor = await self._surface.dialect.authenticate(self._house, head)
            if actor.request_id != head.request_id:
                actor = dataclasses.replace(actor, request_id=head.request_id)
            exchange.principal = actor.principal
        self._count(exchange, entry)
        return await self._handled(exchange, entry, actor)

    @staticmethod
    def _chosen(exchange: _Exchange, entries: dict[str, _Entry] | None) -> _Entry:
        head = exchange.head
        if entries is None:
            raise PathUnknown(given=head.path if head.path.isprintable() else None)
        entry = exchange.entry = entries.get(head.method)
        if entry is None:
            raise MethodNotAllowed(allow=allowed(entries))
        return entry

    async def _handled(
        self, exchange: _Exchange, entry: _Entry, actor: Actor | None, body: bytes | None = None
    ) -> Reply:
        head, route = exchange.head, entry.route
        if actor is not None and route.permission is not None:
            actor.require(route.permission)
        segments = head.path.split("/")
        call = Call(entry.at, head, {name: segments[i + 1] for i, name in entry.names}, actor)
        call.within = self.within
        call.query, call.dry_run = entry.query(head.query)
        if entry.body is None:
            return await route.handler(call)
        call.raw = await read_body(exchange.receive, head, route.max_body_bytes) if body is None else body
        return await route.handler(call, entry.body(head, call.raw))

    async def _find(self, exchange: _Exchange) -> dict[str, _Entry] | None:
        path = exchange.head.path
        if "\0" in path or any("\ud800" <= letter <= "\udfff" for letter in path if letter > "\x7f"):
            return None  # no column could hold such an id
        scope: Any = {
            "type": "http",
            "method": "GET",
            "path": self._fold(path),
            "headers": [],
            "exchange": exchange,
        }
        await self._router(scope, exchange.receive, _discard)
        return exchange.found

    @staticmethod
    def _caller(exchange: _Exchange) -> str:
        return exchange.principal or exchange.head.client

    def _count(self, exchange: _Exchange, entry: _Entry) -> None:
        allowance = entry.limiter.take(self._caller(exchange))
        exchange.rate_headers = self._surface.dialect.rate_headers(allowance)
        if allowance.retry_after_seconds is not None:
            raise RateExceeded(allowance.retry_after_seconds)

    async def _send(
        self, send: Send, exchange: _Exchange, rendered: Rendered, cors: list[tuple[bytes, bytes]]
    ) -> None:
        status, _, body = rendered
        start = self._start(exchange, rendered, cors)
        if status != 204:
            start["headers"].append((b"content-length", b"%d" % len(body)))
        await send(start)
        await send({"type": "http.response.body", "body": b"" if exchange.head.method == "HEAD" else body})

    async def _stream(
        self,
        send: Send,
        exchange: _Exchange,
        reply: tuple[Rendered, Stream],
        cors: list[tuple[bytes, bytes]],
    ) -> None:
        rendered, stream = reply
        await send(self._start(exchange, rendered, cors))
        if exchange.head.method == "HEAD":
            await send({"type": "http.response.body", "body": b""})
        else:
            await self._house.streams.send(stream, self._caller(exchange), send, exchange.receive)

    def _start(
        self, exchange: _Exchange, rendered: Rendered, cors: list[tuple[bytes, bytes]]
    ) -> dict[str, Any]:
        status, headers, _ = rendered
        start = [(name.encode("latin-1"), value.encode("latin-1", "replace")) for name, value in headers]
        start.append((b"x-request-id", exchange.head.request_id.encode()))
        start += self._headers
        start += exchange.rate_headers or ()
        start += cors
        return {"type": "http.response.start", "status": status, "headers": start}

    async def _not_http(self, scope: Any, receive: Receive, send: Send) -> None:
        if scope["type"] == "websocket":
            await receive()
            await send({"type": "websocket.close", "code": 1008})
        elif scope["type"] == "lifespan":
            while (message := await receive())["type"] != "lifespan.shutdown":
                await send({"type": f"{message['type']}.complete"})
            await send({"type": "lifespan.shutdown.complete"})


def _finder(pattern: str, entries: dict[str, _Entry]) -> HTTPRouteHandler:
    async def find(scope: Scope) -> ASGIApp:
        scope["exchange"].found = entries  # type: ignore[typeddict-item]  # ours, put there by `_find`
        return _answered

    return HTTPRouteHandler(pattern, http_method=["GET"])(find)


async def _answered(scope: Any, receive: Any, send: Any) -> None:
    """Litestar's turn is over once the route is found."""


async def _nothing() -> Any:
    return {"type": "http.request", "body": b"", "more_body": False}


async def _discard(message: Any) -> None:
    """What Litestar would say of an unknown path; the dialect says it instead."""


def _not_found(_request: Request[Any, Any, Any], _error: Exception) -> Response[bytes]:
    return Response(b"")
