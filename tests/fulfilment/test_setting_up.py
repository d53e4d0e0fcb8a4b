"""Setting up providers: the operator's business, with secrets that are shown once."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import psycopg
import pytest

from chandlery.catalog.errors import NotTheOperator
from chandlery.engine.outbound import Outbound
from chandlery.engine.signatures import key_of
from chandlery.engine.unit_of_work import Engine, Meter
from chandlery.fulfilment.errors import (
    ProviderHasNoSecret,
    ProviderInUse,
    ProviderNameTaken,
    ProviderRefused,
    ProviderUnknown,
)
from chandlery.fulfilment.setting_up import (
    AddProvider,
    ChangeProvider,
    FindProviders,
    ProviderView,
    RemoveProvider,
    RotateProviderSecret,
    SettingUp,
    find_providers,
    get_provider,
    remove_provider,
)
from chandlery.identity.permissions import PROVIDERS_READ, PROVIDERS_WRITE
from chandlery.kernel.actor import Actor
from chandlery.kernel.clock import FixedClock
from chandlery.kernel.errors import PermissionMissing, VersionStale
from chandlery.kernel.ids import new_id
from chandlery.kernel.page import PageRequest, decode_cursor
from tests.builders import Tenant, a_tenant, allowed
from tests.conftest import NOW
from tests.fulfilment.subjects import SEAL

Owner = psycopg.Connection[Any]
URL = "https://vendor.example/chandlery"
DESK = SettingUp(SEAL, Outbound(), FixedClock(NOW))


@pytest.fixture
def operator(tenant: Tenant) -> Actor:
    return allowed(tenant.operator, PROVIDERS_READ, PROVIDERS_WRITE)


async def added(engine: Engine, actor: Actor, name: str = "harbour", **said: Any) -> ProviderView:
    command = AddProvider(name, **{"url": URL, **said})
    return (await engine.perform(actor, DESK.add, command)).result


async def test_a_secret_is_told_once_and_sealed_at_rest(
    engine: Engine, operator: Actor, owner: Owner, meters: list[Meter]
) -> None:
    new = await added(engine, operator)
    assert meters[-1].round_trips == 2
    key = key_of(new.secret or "")
    row = owner.execute("SELECT secret FROM fulfilment_providers WHERE id = %s", (new.setup.id,)).fetchone()
    assert row is not None
    assert key not in row[0]
    assert SEAL.open(row[0]) == key
    assert repr(key) not in repr(new)
    assert (await engine.read(operator, get_provider, "harbour")).secret is None
    told = owner.execute("SELECT data::text FROM events WHERE subject_id = %s", (new.setup.id,)).fetchall()
    assert told == [('{"kind": "http", "name": "harbour"}',)]


async def test_what_is_set_up_is_seen_as_it_is(engine: Engine, operator: Actor) -> None:
    limits: dict[str, Any] = {
        "concurrency": 3,
        "calls_per_minute": 60,
        "timeout_seconds": 20,
        "idempotent": True,
        "trips_after": 9,
    }
    new = await added(engine, operator, **limits)
    found = await engine.read(operator, get_provider, "harbour")
    assert replace(found, secret=new.secret) == new
    assert (found.setup.concurrency, found.setup.trips_after, found.state) == (3, 9, "closed")


async def test_only_the_operator_sets_up_and_looks(engine: Engine, operator: Actor, tenant: Tenant) -> None:
    await added(engine, operator)
    reseller = allowed(tenant.reseller, PROVIDERS_READ, PROVIDERS_WRITE)
    for actor, refusal in ((reseller, NotTheOperator), (tenant.operator, PermissionMissing)):
        with pytest.raises(refusal):
            await added(engine, actor, "other")
        with pytest.raises(refusal):
            await engine.read(actor, get_provider, "harbour")
        with pytest.raises(refusal):
            await engine.read(actor, find_providers, FindProviders())
        for use_case, command in (
            (DESK.change, ChangeProvider("harbour", concurrency=1)),
            (DESK.rotate_secret, RotateProviderSecret("harbour")),
            (remove_provider, RemoveProvider("harbour")),
        ):
            with pytest.raises(refusal):
                await engine.perform(actor, use_case, command)  # type: ignore[arg-type]


async def test_a_name_is_taken_once_and_each_tenant_has_names_of_its_own(
    engine: Engine, operator: Actor, owner: Owner
) -> None:
    await added(engine, operator)
    with pytest.raises(ProviderNameTaken):
        await added(engine, operator)
    stranger = allowed(a_tenant(owner).operator, PROVIDERS_READ, PROVIDERS_WRITE)
    with pytest.raises(ProviderUnknown):
        await engine.read(stranger, get_provider, "harbour")
    await added(engine, stranger)


async def test_everything_that_is_wrong_is_named_at_once(engine: Engine, operator: Actor) -> None:
    with pytest.raises(ProviderRefused) as refusal:
        await added(engine, operator, "Harbour", url="http://127.0.0.1", concurrency=-1)
    assert [problem.field for problem in refusal.value.problems] == ["name", "concurrency", "url"]


async def test_a_change_leaves_what_it_does_not_name(engine: Engine, operator: Actor) -> None:
    await added(engine, operator, concurrency=3)
    change = ChangeProvider("harbour", timeout_seconds=30, expected_version=1)
    changed = (await engine.perform(operator, DESK.change, change)).result
    assert (changed.setup.timeout_seconds, changed.setup.concurrency, changed.setup.version) == (30, 3, 2)
    with pytest.raises(VersionStale):
        await engine.perform(operator, DESK.change, change)
    same = (await engine.perform(operator, DESK.change, ChangeProvider("harbour", timeout_seconds=30))).result
    assert same.setup.version == 2
    lifted = (await engine.perform(operator, DESK.change, ChangeProvider("harbour", concurrency=0))).result
    assert lifted.setup.concurrency == 0


async def test_a_changed_provider_starts_afresh(engine: Engine, operator: Actor, owner: Owner) -> None:
    new = await added(engine, operator)
    owner.execute(
        "UPDATE fulfilment_providers SET failures = 7, openings = 2, open_until = %s, trouble = 'down' WHERE id = %s",
        (NOW + timedelta(minutes=1), new.setup.id),
    )
    found = await engine.read(operator, get_provider, "harbour")
    assert (found.state, found.circuit.trouble) == ("open", "down")
    await engine.perform(operator, DESK.change, ChangeProvider("harbour", url=URL + "/v2"))
    assert (await engine.read(operator, get_provider, "harbour")).state == "closed"


async def test_a_new_secret_overlaps_with_the_old_or_ends_it(engine: Engine, operator: Actor) -> None:
    first = await added(engine, operator)
    rotated = (await engine.perform(operator, DESK.rotate_secret, RotateProviderSecret("harbour"))).result
    assert rotated.secret not in (None, first.secret)
    assert rotated.setup.secret is not None
    assert len(rotated.setup.secret.valid(NOW)) == 2
    assert len(rotated.setup.secret.valid(NOW + timedelta(days=1))) == 1
    ended = (await engine.perform(operator, DESK.rotate_secret, RotateProviderSecret("harbour", 0))).result
    assert ended.setup.secret is not None
    assert len(ended.setup.secret.valid(NOW)) == 1
    with pytest.raises(ProviderRefused):
        await engine.perform(operator, DESK.rotate_secret, RotateProviderSecret("harbour", 8 * 86_400))
    await added(engine, operator, "desk", kind="manual", url=None)
    with pytest.raises(ProviderHasNoSecret):
        await engine.perform(operator, DESK.rotate_secret, RotateProviderSecret("desk"))


async def test_a_provider_in_use_stays(engine: Engine, operator: Actor, tenant: Tenant, owner: Owner) -> None:
    await added(engine, operator)
    owner.execute(
        "INSERT INTO vendors (id, tenant_id, code, name, provider, created_at)"
        " VALUES (%s, %s, 'acme', 'Acme', 'harbour', now())",
        (new_id(), tenant.id),
    )
    with pytest.raises(ProviderInUse):
        await engine.perform(operator, remove_provider, RemoveProvider("harbour"))
    owner.execute("UPDATE vendors SET provider = 'manual' WHERE tenant_id = %s", (tenant.id,))
    await engine.perform(operator, remove_provider, RemoveProvider("harbour"))
    with pytest.raises(ProviderUnknown):
        await engine.read(operator, get_provider, "harbour")


async def test_providers_are_listed_page_by_page(engine: Engine, operator: Actor) -> None:
    for name in ("a", "b", "c"):
        await added(engine, operator, name)
    first = await engine.read(operator, find_providers, FindProviders(PageRequest(2)))
    assert first.next_cursor is not None
    rest = PageRequest(2, decode_cursor(first.next_cursor))
    second = await engine.read(operator, find_providers, FindProviders(rest))
    assert [view.setup.name for view in (*first.items, *second.items)] == ["a", "b", "c"]
    assert second.next_cursor is None
