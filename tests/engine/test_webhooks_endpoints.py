from __future__ import annotations

import asyncio
import base64
from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any

import psycopg
import pytest

from chandlery.engine.event_stream.catalogue import EventCatalogue
from chandlery.engine.event_stream.filters import MOST_PATTERNS
from chandlery.engine.outbound import AddressRefused, Outbound, UrlUnusable
from chandlery.engine.unit_of_work import Engine, Meter
from chandlery.engine.webhooks.delivery import PAUSES, next_attempt
from chandlery.engine.webhooks.endpoint import EndpointId
from chandlery.engine.webhooks.endpoints import (
    MOST_ENDPOINTS,
    ChangeEndpoint,
    FindEndpoints,
    RegisterEndpoint,
    RotateSecret,
    Webhooks,
    delete_endpoint,
    find_endpoints,
    get_endpoint,
)
from chandlery.engine.webhooks.errors import (
    EndpointOwnerUnknown,
    EndpointRefused,
    EndpointUnknown,
    TooManyEndpoints,
)
from chandlery.engine.webhooks.events import EVENT_TYPES
from chandlery.kernel.errors import PermissionMissing, VersionStale
from chandlery.kernel.ids import OrganizationId, new_id
from chandlery.kernel.page import PageRequest, decode_cursor
from tests.builders import Tenant, a_tenant, allowed
from tests.engine.webhook_world import World, a_world, trusted


@pytest.fixture
async def world(engine: Engine, tenant: Tenant, owner: psycopg.Connection[Any]) -> AsyncIterator[World]:
    async with a_world(engine, tenant, owner) as world:
        yield world


async def test_registering_shows_a_secret_of_standard_webhooks_once(
    world: World, meters: list[Meter]
) -> None:
    told = await world.endpoint("order.*")
    assert meters[-1].round_trips == 2
    assert told.secret.startswith("whsec_")
    assert len(base64.b64decode(told.secret.removeprefix("whsec_"))) == 32
    stored = await world.look(told.endpoint)
    assert meters[-1].round_trips == 1
    assert stored == told.endpoint
    assert (stored.url, stored.events, stored.enabled) == (world.receiver.url, ("order.*",), True)


async def test_a_secret_is_stored_sealed_and_told_nowhere(world: World) -> None:
    told = await world.endpoint("*")
    rotated = (
        await world.engine.perform(
            world.reseller, world.webhooks.rotate_secret, RotateSecret(told.endpoint.id)
        )
    ).result
    key = base64.b64decode(rotated.secret.removeprefix("whsec_"))
    row = world.owner.execute(
        "SELECT secret, previous_secret FROM webhook_endpoints WHERE id = %s", (told.endpoint.id,)
    ).fetchone()
    assert row is not None
    assert world.sealer.open(row[0]) == key
    assert key not in row[0]
    events = world.owner.execute(
        "SELECT type, data::text FROM events WHERE subject_id = %s ORDER BY txid", (told.endpoint.id,)
    ).fetchall()
    assert [event[0] for event in events] == ["webhook.added", "webhook.secret_rotated"]
    assert not any("whsec" in event[1] or "127.0.0.1" in event[1] for event in events)


async def test_everything_that_is_wrong_is_named_at_once(world: World) -> None:
    strict = Webhooks(world.sealer, Outbound(), world.clock)
    command = RegisterEndpoint("http://127.0.0.1/", ("order.*", "nonsense"), "x" * 501)
    with pytest.raises(EndpointRefused) as refused:
        await world.engine.perform(world.reseller, strict.register, command)
    assert [problem.field for problem in refused.value.problems] == ["url", "events.1", "description"]


@pytest.mark.parametrize(
    ("url", "message"),
    [
        ("http://shop.example/", UrlUnusable.message()),
        ("https://10.0.0.1/", AddressRefused.message()),
        ("https://localhost:9/", AddressRefused.message()),
    ],
)
async def test_private_addresses_and_plain_http_are_refused_unless_the_operator_allows_them(
    world: World, url: str, message: str
) -> None:
    strict = Webhooks(world.sealer, Outbound(), world.clock)
    with pytest.raises(EndpointRefused) as refused:
        await world.engine.perform(world.reseller, strict.register, RegisterEndpoint(url))
    assert [problem.message for problem in refused.value.problems] == [message]
    assert (await world.endpoint(url=url)).endpoint.url == url


async def test_filters_that_match_no_event_there_is_are_refused_where_the_catalogue_is_known(
    world: World,
) -> None:
    knowing = Webhooks(world.sealer, world.outbound, world.clock, EventCatalogue(EVENT_TYPES))
    command = RegisterEndpoint(world.receiver.url, ("webhook.*", "webhok.*", "webhook.aded"))
    with pytest.raises(EndpointRefused) as refused:
        await world.engine.perform(world.reseller, knowing.register, command)
    assert [problem.field for problem in refused.value.problems] == ["events.1", "events.2"]


@pytest.mark.parametrize("events", [(), ("order.*",) * (MOST_PATTERNS + 1)])
async def test_an_endpoint_wants_some_events_but_not_a_list_without_end(
    world: World, events: tuple[str, ...]
) -> None:
    with pytest.raises(EndpointRefused):
        await world.engine.perform(
            world.reseller, world.webhooks.register, RegisterEndpoint("https://shop.example/", events)
        )


async def test_an_organisation_has_so_many_endpoints_at_most_also_when_two_ask_at_once(world: World) -> None:
    for _ in range(MOST_ENDPOINTS - 1):
        await world.endpoint()
    both = await asyncio.gather(world.endpoint(), world.endpoint(), return_exceptions=True)
    assert sum(isinstance(one, TooManyEndpoints) for one in both) == 1
    await world.endpoint(actor=trusted(world.tenant.customer))  # counts for another


async def test_an_organisation_above_may_register_for_one_below_and_not_the_other_way_round(
    world: World,
) -> None:
    below, above = world.tenant.customer.organization_id, world.tenant.operator.organization_id
    command = RegisterEndpoint("https://shop.example/", organization_id=below)
    told = await world.engine.perform(world.reseller, world.webhooks.register, command)
    assert told.result.endpoint.organization_id == below
    with pytest.raises(EndpointOwnerUnknown):
        await world.engine.perform(
            world.reseller, world.webhooks.register, replace(command, organization_id=above)
        )
    with pytest.raises(EndpointOwnerUnknown):
        await world.engine.perform(
            world.reseller,
            world.webhooks.register,
            replace(command, organization_id=OrganizationId(new_id())),
        )


async def test_a_change_changes_what_it_names(world: World, meters: list[Meter]) -> None:
    told = await world.endpoint("order.*")
    command = ChangeEndpoint(told.endpoint.id, events=("*",), description="All", expected_version=1)
    changed = (await world.engine.perform(world.reseller, world.webhooks.change, command)).result
    assert meters[-1].round_trips == 2
    assert changed == replace(told.endpoint, events=("*",), description="All", version=2)
    assert await world.look(told.endpoint) == changed
    with pytest.raises(VersionStale):
        await world.engine.perform(world.reseller, world.webhooks.change, command)


async def test_a_change_that_changes_nothing_makes_no_version(world: World) -> None:
    told = await world.endpoint("order.*")
    same = ChangeEndpoint(told.endpoint.id, events=("order.*",), enabled=True)
    await world.engine.perform(world.reseller, world.webhooks.change, same)
    assert (await world.look(told.endpoint)).version == 1


async def test_somebody_who_disables_an_endpoint_is_the_reason(world: World) -> None:
    told = await world.endpoint()
    off = ChangeEndpoint(told.endpoint.id, enabled=False)
    await world.engine.perform(world.reseller, world.webhooks.change, off)
    endpoint = await world.look(told.endpoint)
    assert (endpoint.enabled, endpoint.disabled_reason) == (False, "asked")
    await world.engine.perform(world.reseller, world.webhooks.change, replace(off, enabled=True))
    endpoint = await world.look(told.endpoint)
    assert (endpoint.enabled, endpoint.disabled_reason) == (True, None)


async def test_a_deleted_endpoint_is_gone_with_its_log(world: World) -> None:
    told = await world.endpoint()
    await world.happen()
    await world.dispatch()
    await world.engine.perform(world.reseller, delete_endpoint, told.endpoint.id)
    with pytest.raises(EndpointUnknown):
        await world.look(told.endpoint)
    left = world.owner.execute(
        "SELECT count(*) FROM webhook_deliveries WHERE endpoint_id = %s", (told.endpoint.id,)
    ).fetchone()
    assert left == (0,)
    await world.happen()
    await world.dispatch()
    assert len(world.receiver.received) == 1


async def test_an_overlap_has_bounds(world: World) -> None:
    told = await world.endpoint()
    for seconds in (-1, 7 * 24 * 3600 + 1):
        with pytest.raises(EndpointRefused):
            await world.engine.perform(
                world.reseller, world.webhooks.rotate_secret, RotateSecret(told.endpoint.id, seconds)
            )


async def test_what_another_organisation_owns_does_not_exist(
    world: World, owner: psycopg.Connection[Any]
) -> None:
    told = await world.endpoint()
    for stranger in (trusted(a_tenant(owner).operator), trusted(world.tenant.customer)):
        with pytest.raises(EndpointUnknown):
            await world.engine.read(stranger, get_endpoint, told.endpoint.id)
        with pytest.raises(EndpointUnknown):
            await world.engine.perform(stranger, delete_endpoint, told.endpoint.id)
        with pytest.raises(EndpointUnknown):
            await world.engine.perform(
                stranger, world.webhooks.change, ChangeEndpoint(told.endpoint.id, enabled=False)
            )
        with pytest.raises(EndpointUnknown):
            await world.engine.perform(stranger, world.webhooks.rotate_secret, RotateSecret(told.endpoint.id))
        of_reseller = FindEndpoints(world.reseller.organization_id)
        assert not (await world.engine.read(stranger, find_endpoints, of_reseller)).items
    assert (
        await world.engine.read(trusted(world.tenant.operator), get_endpoint, told.endpoint.id)
    ) is not None


async def test_every_use_case_asks_for_its_permission(world: World) -> None:
    told = await world.endpoint()
    endpoint_id = told.endpoint.id
    only_reads, only_writes = (
        allowed(world.tenant.reseller, permission) for permission in ("webhooks:read", "webhooks:write")
    )
    with pytest.raises(PermissionMissing):
        await world.engine.read(only_writes, get_endpoint, endpoint_id)
    with pytest.raises(PermissionMissing):
        await world.engine.read(only_writes, find_endpoints, FindEndpoints())
    with pytest.raises(PermissionMissing):
        await world.engine.perform(only_reads, delete_endpoint, endpoint_id)
    with pytest.raises(PermissionMissing):
        await world.engine.perform(
            only_reads, world.webhooks.register, RegisterEndpoint("https://a.example/")
        )
    with pytest.raises(PermissionMissing):
        await world.engine.perform(only_reads, world.webhooks.change, ChangeEndpoint(endpoint_id))
    with pytest.raises(PermissionMissing):
        await world.engine.perform(only_reads, world.webhooks.rotate_secret, RotateSecret(endpoint_id))


async def test_endpoints_are_listed_in_pages_oldest_first(world: World) -> None:
    made = [(await world.endpoint()).endpoint.id for _ in range(5)]
    listed: list[EndpointId] = []
    cursor: str | None = None
    while True:
        page = PageRequest(2, decode_cursor(cursor) if cursor else None)
        answer = await world.engine.read(world.reseller, find_endpoints, FindEndpoints(page=page))
        listed += [endpoint.id for endpoint in answer.items]
        cursor = answer.next_cursor
        if cursor is None:
            break
    assert sorted(listed) == sorted(made)
    assert len(listed) == 5


def test_a_pause_is_a_fifth_longer_at_most(world: World) -> None:
    at = world.clock.at
    assert next_attempt(1, at, 0.0) == at + PAUSES[0]
    assert next_attempt(1, at, 1.0) == at + 1.2 * PAUSES[0]
    assert next_attempt(9, at, 0.0) is None
