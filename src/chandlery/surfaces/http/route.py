"""A surface as data: its routes, its dialect, and the house that it stands in.

From the route table come the ASGI app (`edge`), the OpenAPI document and its reference page (`openapi`), and the
sweep tests that ask every route without a token, with a weak one and with a stranger's.
"""

from __future__ import annotations

import re
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol, TypeAlias, TypeVar

import msgspec

from chandlery.engine.unit_of_work import Once, Outcome, ReadCase, UseCase
from chandlery.kernel.actor import Actor
from chandlery.kernel.errors import Fault
from chandlery.surfaces.http.head import Head
from chandlery.surfaces.http.limits import API_RATE, Allowance, Rate
from chandlery.surfaces.http.streaming import Streams
from chandlery.surfaces.http.urls import PublicUrls

C = TypeVar("C")
T = TypeVar("T")

MAX_BODY_BYTES = 1024 * 1024


@dataclass(slots=True)
class Reply:
    """What a handler answers: a value to encode, bytes that are encoded already, or a `Stream` of them.

    `status` None means the route's own. `etag` is the version of what is shown; callers send it back in If-Match.
    """

    body: Any = None
    status: int | None = None
    headers: tuple[tuple[str, str], ...] = ()
    etag: int | None = None
    location: str | None = None
    media_type: str | None = None


Handler: TypeAlias = Callable[..., Awaitable[Reply]]
"""`async def handler(call) -> Reply`, or `(call, body)` on a route that has a body."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Route:
    """One operation. `path` is as callers see it: `/orders/{order_id}/lines`, `/orders/{order_id}:cancel`."""

    method: str
    path: str
    handler: Handler
    permission: str | None = None
    summary: str
    description: str = ""
    status: int = 200
    body: Any = None
    """The type of the body; `bytes` hands it over unread."""
    query: type[msgspec.Struct] | None = None
    reply: Any = None
    tags: tuple[str, ...] = ()
    name: str = ""
    """The operation id; the handler's name unless given."""
    once: bool = False
    """Accepts an Idempotency-Key."""
    dry_run: bool = False
    """Accepts `?dry_run=true`."""
    public: bool = False
    """Needs no credentials."""
    rate: Rate | None = None
    accepts: tuple[str, ...] = ()
    """The content types of the body; the dialect's unless given."""
    produces: str | None = None
    max_body_bytes: int = MAX_BODY_BYTES
    hidden: bool = False
    """Left out of the OpenAPI document."""

    def __post_init__(self) -> None:
        if self.public and self.permission:
            raise ValueError(f"{self.path}: a public route cannot ask for a permission")

    @property
    def operation(self) -> str:
        return self.name or self.handler.__name__

    @property
    def segments(self) -> list[str]:
        """The path cut into segments; a verb becomes a segment of its own (`:cancel`)."""
        return re.sub(r"(?<=[^/]):(?=[A-Za-z])", "/:", self.path).strip("/").split("/")


class Performs(Protocol):
    """What the edge needs of the engine."""

    async def perform(
        self,
        actor: Actor,
        use_case: UseCase[C, T],
        command: C,
        *,
        once: Once[T] | None = None,
        dry_run: bool = False,
    ) -> Outcome[T]: ...

    async def read(self, actor: Actor, use_case: ReadCase[C, T], command: C) -> T: ...


async def _no_token(_token: str, _head: Head) -> Actor:
    raise RuntimeError("the house was built without token verification")


async def _no_origin(_origin: str) -> bool:
    return False


@dataclass(frozen=True, slots=True)
class House:
    """What `app` wires and handlers may reach; `wired` is for what a single surface needs beyond this."""

    engine: Performs
    verify_token: Callable[[str, Head], Awaitable[Actor]] = _no_token
    urls: PublicUrls = PublicUrls()  # noqa: RUF009 - frozen
    allows_origin: Callable[[str], Awaitable[bool]] = _no_origin
    checks: Mapping[str, Callable[[], Awaitable[None]]] = field(default_factory=dict)
    """What has to be in order for the server to be ready; a check raises a fault when it is not."""
    seconds: Callable[[], float] = time.monotonic
    streams: Streams = field(default_factory=Streams)
    wired: Any = None


def rate_limit_headers(allowance: Allowance) -> list[tuple[bytes, bytes]]:
    """`RateLimit-Limit`, `-Remaining` and `-Reset` (seconds until all of it is back)."""
    return [
        (b"ratelimit-limit", b"%d" % allowance.limit),
        (b"ratelimit-remaining", b"%d" % allowance.remaining),
        (b"ratelimit-reset", b"%d" % allowance.reset_seconds),
    ]


@dataclass(frozen=True, slots=True, kw_only=True)
class Dialect:
    """How one world says what all of them have to say."""

    authenticate: Callable[[House, Head], Awaitable[Actor]]
    refuse: Callable[[Fault, Head], Reply]
    """The whole answer to a fault: unknown paths (`PathUnknown`) and our own bugs (`InternalError`) included."""
    encode: Callable[[Any], bytes] = msgspec.json.Encoder().encode
    media_type: str = "application/json"
    accepts: tuple[str, ...] = ("application/json",)
    headers: tuple[tuple[str, str], ...] = (("x-content-type-options", "nosniff"),)
    """Added to every answer."""
    rate_headers: Callable[[Allowance], list[tuple[bytes, bytes]]] = rate_limit_headers
    refuses_unknown_parameters: bool = True
    security: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    """OpenAPI security schemes; any one of them is enough."""
    error_body: Any = None
    """The type of an error's body, for the OpenAPI document."""
    error_media_type: str = "application/json"


@dataclass(frozen=True, slots=True, kw_only=True)
class Surface:
    """A table of routes in one dialect. `base` is where it hangs by default (`/ion`, nothing for the native one)."""

    name: str
    base: str
    title: str
    version: str
    routes: tuple[Route, ...]
    dialect: Dialect
    description: str = ""
    rate: Rate = API_RATE
    ignores_case: bool = False
