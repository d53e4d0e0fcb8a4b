"""One call of one route, as its handler sees it: who asks, for what, and the roads to the use cases."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any, TypeVar
from uuid import UUID

import msgspec

from chandlery.engine.unit_of_work import Once, ReadCase, UseCase
from chandlery.kernel.actor import Actor
from chandlery.kernel.errors import NotFound, VersionStale
from chandlery.kernel.ids import parse_id
from chandlery.surfaces.http.errors import header_refused
from chandlery.surfaces.http.head import Head
from chandlery.surfaces.http.route import House, Reply, Route, Surface
from chandlery.surfaces.http.streaming import Stream

C = TypeVar("C")
T = TypeVar("T")

_KEY = re.compile(r"[\x20-\x7e]{1,255}")
_VERSION = re.compile(r'(?:W/)?"(\d{1,18})"')

Rendered = tuple[int, list[tuple[str, str]], bytes]
"""Status, headers and body, as they are sent and as an idempotency key remembers them."""


@dataclass(frozen=True, slots=True)
class Inner:
    """A request from inside the house; `allows` refuses routes that are not to be had this way."""

    head: Head
    body: bytes
    allows: Callable[[Route], None]


class Call:
    __slots__ = ("_actor", "dry_run", "head", "house", "path", "query", "raw", "route", "surface", "within")

    def __init__(
        self,
        at: tuple[House, Surface, Route],
        head: Head,
        path: Mapping[str, str],
        actor: Actor | None,
    ) -> None:
        self.house, self.surface, self.route = at
        self.head = head
        self.path = path
        self.query: Any = None
        """The decoded query string: an instance of the route's `query` type."""
        self.raw = b""
        self.dry_run = False
        self._actor = actor
        self.within: Callable[[Actor, Inner], Awaitable[Rendered]]
        """The way to other routes of this surface."""

    @property
    def actor(self) -> Actor:
        if self._actor is None:
            raise RuntimeError(f"{self.route.path} is public: nobody was asked who they are")
        return self._actor

    def id(self, name: str, *, missing: type[NotFound]) -> UUID:
        """A path parameter as an id; one of foreign form is an unknown id."""
        found = parse_id(self.path[name])
        if found is None:
            raise missing(given=self.path[name])
        return found

    def header(self, name: str) -> str | None:
        return self.head.header(name.lower())

    def url(self, path: str) -> str:
        """The absolute URL of a path of this surface, for Location headers and links."""
        return self.house.urls.of(self.surface.name, self.surface.base, path)

    @property
    def expected_version(self) -> int | None:
        """The version in If-Match, or None without one. A tag that we never gave out matches nothing."""
        given = self.head.header("if-match")
        if given is None or given.strip() == "*":
            return None
        match = _VERSION.fullmatch(given.strip())
        if match is None:
            raise VersionStale
        return int(match[1])

    async def read(self, use_case: ReadCase[C, T], command: C) -> T:
        return await self.house.engine.read(self.actor, use_case, command)

    async def perform(self, use_case: UseCase[C, T], command: C, *, reply: Callable[[T], Reply]) -> Reply:
        """Carry out a use case; under an Idempotency-Key once, and then answer alike for ever."""
        engine = self.house.engine
        key = self.head.header("idempotency-key") if self.route.once else None
        if key is None or self.dry_run:
            outcome = await engine.perform(self.actor, use_case, command, dry_run=self.dry_run)
            return reply(outcome.result)
        if not _KEY.fullmatch(key):
            raise header_refused("Idempotency-Key", "Send 1 to 255 printable ASCII characters.")
        operation = f"{self.surface.name} {self.route.method} {self.route.path}"
        once: Once[Any] = Once(
            key, operation, self._fingerprint(), lambda value: self._remember(reply(value))
        )
        outcome = await engine.perform(self.actor, use_case, command, once=once)
        assert outcome.answer is not None
        status, headers, body = msgspec.msgpack.decode(outcome.answer, type=Rendered)
        if outcome.replayed:
            headers.append(("idempotency-replayed", "true"))
        return Reply(body, status, tuple(headers))

    def _remember(self, reply: Reply) -> bytes:
        return msgspec.msgpack.encode(render(reply, self.route, self.surface))

    def _fingerprint(self) -> bytes:
        parts = msgspec.msgpack.encode((dict(self.path), self.head.query, self.raw))
        return hashlib.sha256(parts).digest()


def render(reply: Reply, route: Route | None, surface: Surface) -> Rendered:
    """A reply as it goes over the wire, without what the edge adds to every answer."""
    dialect = surface.dialect
    headers = list(reply.headers)
    if reply.etag is not None:
        headers.append(("etag", f'"{reply.etag}"'))
    if reply.location is not None:
        headers.append(("location", reply.location))
    body = reply.body
    encoded = body if type(body) is bytes else b""
    if body is not None and not isinstance(body, bytes | Stream):
        encoded = dialect.encode(body)
    if body is not None and not any(name == "content-type" for name, _ in headers):
        fallback = route.produces if route is not None and route.produces else dialect.media_type
        headers.append(("content-type", reply.media_type or fallback))
    return reply.status or (route.status if route is not None else 200), headers, encoded
