"""A toy surface that has one of everything, and an engine that needs no database."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from decimal import Decimal
from typing import Annotated, Any, TypeVar
from uuid import UUID

import httpx
import msgspec

from chandlery.engine.errors import IdempotencyKeyReused
from chandlery.engine.unit_of_work import Once, Outcome, ReadCase, UseCase
from chandlery.kernel.actor import Actor
from chandlery.kernel.errors import (
    Conflict,
    Fault,
    Limited,
    NotFound,
    Unauthenticated,
    Unavailable,
    VersionStale,
)
from chandlery.kernel.ids import ClientId, OrganizationId, TenantId
from chandlery.surfaces.http.call import Call
from chandlery.surfaces.http.decoding import Body, Moment
from chandlery.surfaces.http.edge import asgi_app
from chandlery.surfaces.http.head import Head
from chandlery.surfaces.http.limits import Rate
from chandlery.surfaces.http.route import House, Reply, Route, Surface
from chandlery.surfaces.http.urls import PublicUrls
from chandlery.surfaces.native.dialect import NATIVE, PageQuery

C = TypeVar("C")
T = TypeVar("T")

ID = UUID("01935f1e-0000-7000-8000-000000000001")
ACTOR = Actor(
    TenantId(ID),
    OrganizationId(ID),
    frozenset({"toys:read", "toys:write"}),
    "native",
    client_id=ClientId(ID),
)


class ToyUnknown(NotFound):
    """There is no such toy; check the id."""


class ToyBroken(Conflict):
    """This toy is broken; choose another."""


class TokenBad(Unauthenticated):
    """This token is not valid; ask for a new one."""


class Wheel(Body):
    size: Annotated[int, msgspec.Meta(ge=1, le=99)]
    colour: str | None = None


class NewToy(Body):
    name: Annotated[str, msgspec.Meta(min_length=1, max_length=20)]
    quantity: int
    rate: Decimal | None = None
    made_at: Moment | None = None
    wheels: list[Wheel] = msgspec.field(default_factory=list)
    extra: dict[str, Any] = msgspec.field(default_factory=dict)


class Toy(msgspec.Struct):
    id: str
    name: str
    rate: Decimal | None = None


class ToysQuery(PageQuery):
    number: int | None = None
    broken: bool = False
    status: list[str] = msgspec.field(default_factory=list)


@dataclass(slots=True)
class FakeEngine:
    """Carries out use cases without a transaction, and keeps the answers that it was told to remember."""

    answers: dict[tuple[str, str], tuple[bytes, bytes]] = field(default_factory=dict)
    carried_out: int = 0
    seen: list[Actor] = field(default_factory=list)

    async def perform(
        self,
        actor: Actor,
        use_case: UseCase[C, T],
        command: C,
        *,
        once: Once[T] | None = None,
        dry_run: bool = False,
    ) -> Outcome[T]:
        self.seen.append(actor)
        if once is not None and (once.operation, once.key) in self.answers:
            fingerprint, answer = self.answers[once.operation, once.key]
            if fingerprint != once.fingerprint:
                raise IdempotencyKeyReused
            return Outcome(None, answer, replayed=True)
        value = await use_case(None, actor, command)  # type: ignore[arg-type]  # toys touch no unit
        self.carried_out += 0 if dry_run else 1
        remembered = once.remember(value) if once else None
        if once is not None and remembered is not None:
            self.answers[once.operation, once.key] = once.fingerprint, remembered
        return Outcome(value, remembered)

    async def read(self, actor: Actor, use_case: ReadCase[C, T], command: C) -> T:
        self.seen.append(actor)
        return await use_case(None, actor, command)  # type: ignore[arg-type]


async def make(_unit: Any, _actor: Actor, command: NewToy) -> Toy:
    return Toy(str(ID), command.name, command.rate)


def toy_reply(toy: Toy) -> Reply:
    return Reply(toy, etag=1, location=f"/v1/toys/{toy.id}")


async def create_toy(call: Call, body: NewToy) -> Reply:
    return await call.perform(make, body, reply=toy_reply)


async def get_toy(call: Call) -> Reply:
    return Reply(Toy(str(call.id("toy_id", missing=ToyUnknown)), "bear"), etag=7)


async def change_toy(call: Call, body: NewToy) -> Reply:
    if call.expected_version not in (None, 7):
        raise VersionStale
    return Reply(Toy(str(ID), body.name))


async def delete_toy(_call: Call) -> Reply:
    return Reply()


async def list_toys(call: Call) -> Reply:
    query: ToysQuery = call.query
    return Reply({"number": query.number, "status": query.status, "limit": query.page().limit})


async def name_of(call: Call) -> Reply:
    return Reply({"name": call.path["name"], "url": call.url("/v1/toys")})


async def fail(call: Call) -> Reply:
    faults: dict[str, Fault] = {
        "conflict": ToyBroken(),
        "limited": Limited(),
        "unavailable": Unavailable(),
        "stale": VersionStale(),
    }
    if call.path["how"] in faults:
        raise faults[call.path["how"]]
    raise ZeroDivisionError("the secret of the toys")


async def upload(call: Call, body: bytes) -> Reply:
    return Reply({"bytes": len(body), "same": call.raw == body})


async def open_to_all(_call: Call) -> Reply:
    return Reply({"open": True})


def route(method: str, path: str, handler: Any, **more: Any) -> Route:
    return Route(method=method, path=path, handler=handler, summary=handler.__name__, **more)


ROUTES = (
    route("GET", "/v1/toys", list_toys, query=ToysQuery, permission="toys:read", tags=("toys",)),
    route(
        "POST",
        "/v1/toys",
        create_toy,
        body=NewToy,
        reply=Toy,
        status=201,
        permission="toys:write",
        once=True,
        dry_run=True,
        tags=("toys",),
    ),
    route("GET", "/v1/toys/{toy_id}", get_toy, reply=Toy, permission="toys:read", tags=("toys",)),
    route("PATCH", "/v1/toys/{toy_id}", change_toy, body=NewToy, reply=Toy, permission="toys:write"),
    route("DELETE", "/v1/toys/{toy_id}", delete_toy, status=204, permission="toys:burn"),
    route("GET", "/v1/toys/{name}/Name", name_of),
    route("POST", "/v1/toys/{name}:cancel", name_of, name="cancel_toy"),
    route("GET", "/v1/fail/{how}", fail),
    route("POST", "/v1/upload", upload, body=bytes, accepts=("*/*",), max_body_bytes=2_000_000),
    route("GET", "/v1/open", open_to_all, public=True, rate=Rate(2, 60.0)),
)

SURFACE = Surface(
    name="native", base="", title="Toys", version="1.0", routes=ROUTES, dialect=NATIVE, rate=Rate(5, 1.0)
)


async def verify(token: str, _head: Head) -> Actor:
    if token == "good":
        return ACTOR
    if token == "weak":
        return replace(ACTOR, permissions=frozenset())
    raise TokenBad


async def knows_origin(origin: str) -> bool:
    return origin == "https://shop.example"


@dataclass(slots=True)
class Seconds:
    """A clock that moves a minute with each look, so that no test meets a rate limit by chance, or stands."""

    at: float = 0.0
    step: float = 60.0

    def __call__(self) -> float:
        self.at += self.step
        return self.at


def a_client(
    engine: FakeEngine | None = None,
    *,
    surface: Surface = SURFACE,
    seconds: Seconds | None = None,
    token: str | None = "good",  # noqa: S107
    **house: Any,
) -> httpx.AsyncClient:
    built = House(
        engine=engine or FakeEngine(),
        verify_token=verify,
        urls=PublicUrls("https://api.example"),
        allows_origin=knows_origin,
        seconds=seconds or Seconds(),
        **house,
    )
    return httpx.AsyncClient(
        transport=httpx.ASGITransport(asgi_app(surface, built), raise_app_exceptions=True),
        base_url="http://toys",
        headers={"authorization": f"Bearer {token}"} if token else {},
    )
