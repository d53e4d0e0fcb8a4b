"""Providers: how the operator reaches its vendors, what they bear, and how they are. A secret is shown once."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated
from uuid import UUID

import msgspec
from msgspec import Meta

from chandlery.fulfilment import setting_up
from chandlery.fulfilment.circuit import CircuitState
from chandlery.fulfilment.errors import ProviderUnknown
from chandlery.fulfilment.setting_up import ProviderView
from chandlery.fulfilment.setup import Kind
from chandlery.surfaces.http.call import Call
from chandlery.surfaces.http.decoding import Body
from chandlery.surfaces.http.route import Reply
from chandlery.surfaces.native.dialect import PageQuery, page_reply
from chandlery.surfaces.native.wiring import wired

ProviderName = Annotated[
    str, Meta(description="Small letters, digits and hyphens; it stays for ever.", examples=["harbour-cloud"])
]
Url = Annotated[
    str, Meta(description="Where it is called.", examples=["https://vendor.example.com/chandlery"])
]
Concurrency = Annotated[int, Meta(ge=0, le=1000, description="Calls at once; 0: no limit.")]
CallsPerMinute = Annotated[int, Meta(ge=0, le=60_000, description="Evenly spread; 0: no limit.")]
Timeout = Annotated[int, Meta(ge=1, le=60)]
Idempotent = Annotated[
    bool, Meta(description="It recognises a reference that comes again, and does nothing twice.")
]
TripsAfter = Annotated[
    int, Meta(ge=1, le=1000, description="Calls in a row that go wrong before it is left alone for a while.")
]


class CircuitBody(msgspec.Struct, kw_only=True):
    """`open`: left alone until `open_until`; `half_open`: one call may try; `trouble` is what went wrong last."""

    state: CircuitState
    failures: int
    open_until: datetime | None
    trouble: str


class ProviderBody(msgspec.Struct, kw_only=True):
    """`callback_url` is where it calls back. `calling` is counted where `concurrency` is limited."""

    id: UUID
    name: str
    kind: Kind
    url: str | None
    callback_url: str | None
    concurrency: int
    calls_per_minute: int
    timeout_seconds: int
    idempotent: bool
    trips_after: int
    circuit: CircuitBody
    previous_secret_until: datetime | None
    created_at: datetime
    version: int


class ProviderDetail(ProviderBody, kw_only=True):
    """With its load: how many calls are under way, and how many lines wait for their turn."""

    calling: int
    waiting: int


class ProviderWithSecret(ProviderBody, kw_only=True):
    """`secret` is shown here and nowhere else; only the kind http has one."""

    secret: str | None


class NewProvider(Body):
    """`url` belongs to the kind http. `manual` and `sandbox` are there already under those names."""

    name: ProviderName
    kind: Kind = "http"
    url: Url | None = None
    concurrency: Concurrency = 0
    calls_per_minute: CallsPerMinute = 0
    timeout_seconds: Timeout = 10
    idempotent: Idempotent = False
    trips_after: TripsAfter = 5


class ProviderChange(Body):
    """What is left out stays."""

    url: Url | None = None
    concurrency: Concurrency | None = None
    calls_per_minute: CallsPerMinute | None = None
    timeout_seconds: Timeout | None = None
    idempotent: Idempotent | None = None
    trips_after: TripsAfter | None = None


class ProviderSecretRotation(Body):
    """For how long the old secret signs and proves too; 0 when it has leaked."""

    overlap_seconds: Annotated[int, Meta(examples=[86_400])] = 86_400


async def list_providers(call: Call) -> Reply:
    query: PageQuery = call.query
    found = await call.read(setting_up.find_providers, setting_up.FindProviders(query.page()))
    return page_reply(found, lambda one: _body(call, one))


async def add_provider(call: Call, body: NewProvider) -> Reply:
    command = setting_up.AddProvider(**msgspec.structs.asdict(body))

    def added(new: ProviderView) -> Reply:
        reply = _with_secret(call, new)
        reply.location = call.url(f"/v1/fulfilment/providers/{new.setup.name}")
        return reply

    return await call.perform(wired(call).setting_up.add, command, reply=added)


async def get_provider(call: Call) -> Reply:
    found = await call.read(setting_up.get_provider, _name(call))
    body = ProviderDetail(
        **msgspec.structs.asdict(_body(call, found)), calling=found.calling, waiting=found.waiting
    )
    return Reply(body, etag=found.setup.version)


async def change_provider(call: Call, body: ProviderChange) -> Reply:
    changes = msgspec.structs.asdict(body)
    command = setting_up.ChangeProvider(_name(call), **changes, expected_version=call.expected_version)

    def changed(found: ProviderView) -> Reply:
        return Reply(_body(call, found), etag=found.setup.version)

    return await call.perform(wired(call).setting_up.change, command, reply=changed)


async def rotate_provider_secret(call: Call, body: ProviderSecretRotation) -> Reply:
    command = setting_up.RotateProviderSecret(_name(call), body.overlap_seconds)
    return await call.perform(
        wired(call).setting_up.rotate_secret, command, reply=lambda found: _with_secret(call, found)
    )


async def remove_provider(call: Call) -> Reply:
    command = setting_up.RemoveProvider(_name(call))
    return await call.perform(setting_up.remove_provider, command, reply=lambda _: Reply())


def _name(call: Call) -> str:
    """A name of foreign form is that of no provider."""
    name = call.path["provider_name"]
    if not (name.isascii() and name.isprintable()):
        raise ProviderUnknown(given=name)
    return name


def _with_secret(call: Call, found: ProviderView) -> Reply:
    body = ProviderWithSecret(**msgspec.structs.asdict(_body(call, found)), secret=found.secret)
    return Reply(body, etag=found.setup.version)


def _body(call: Call, found: ProviderView) -> ProviderBody:
    setup, circuit = found.setup, found.circuit
    is_called_back = setup.secret is not None
    return ProviderBody(
        id=setup.id,
        name=setup.name,
        kind=setup.kind,
        url=setup.url,
        callback_url=call.url(f"/v1/fulfilment/callbacks/{setup.id}") if is_called_back else None,
        concurrency=setup.concurrency,
        calls_per_minute=setup.calls_per_minute,
        timeout_seconds=setup.timeout_seconds,
        idempotent=setup.idempotent,
        trips_after=setup.trips_after,
        circuit=CircuitBody(
            state=found.state,
            failures=circuit.failures,
            open_until=circuit.open_until,
            trouble=circuit.trouble,
        ),
        previous_secret_until=setup.secret.previous_until if setup.secret else None,
        created_at=setup.created_at,
        version=setup.version,
    )
