from __future__ import annotations

import asyncio
from typing import Any

import psycopg
import pytest

from chandlery.engine.unit_of_work import Engine, Meter
from chandlery.identity import permissions
from chandlery.kernel.errors import PermissionMissing, VersionStale
from chandlery.kernel.ids import AddressId, OrganizationId, new_id
from chandlery.kernel.page import PageRequest, decode_cursor
from chandlery.parties.address import Address, Postal
from chandlery.parties.addresses import (
    AddAddress,
    ChangeAddress,
    FindAddresses,
    RemoveAddress,
    add_address,
    change_address,
    default_addresses_query,
    find_addresses,
    get_address,
    remove_address,
)
from chandlery.parties.errors import AddressUnfit, AddressUnknown, PartyUnknown
from tests.builders import Tenant, allowed
from tests.parties.builders import A_POSTAL, a_postal, clerk


async def added(engine: Engine, tenant: Tenant, **changes: Any) -> Address:
    command = AddAddress(tenant.customer.organization_id, A_POSTAL, **changes)
    return (await engine.perform(clerk(tenant.reseller), add_address, command)).result


async def test_an_address_is_read_back_as_it_was_added(
    engine: Engine, tenant: Tenant, meters: list[Meter]
) -> None:
    new = await added(engine, tenant, label="Head office", attributes={"dock": 3})
    assert meters[-1].round_trips == 2
    assert await engine.read(clerk(tenant.customer), get_address, new.id) == new
    assert meters[-1].round_trips == 1
    assert (new.kinds, new.default_for, new.version) == (("billing", "shipping"), (), 1)


async def test_addresses_need_the_permission(engine: Engine, tenant: Tenant) -> None:
    reader = allowed(tenant.reseller, permissions.PARTIES_READ)
    with pytest.raises(PermissionMissing):
        await engine.perform(reader, add_address, AddAddress(tenant.customer.organization_id, A_POSTAL))
    with pytest.raises(PermissionMissing):
        await engine.read(tenant.reseller, get_address, AddressId(new_id()))


async def test_what_belongs_above_or_beside_does_not_exist(engine: Engine, tenant: Tenant) -> None:
    above = AddAddress(tenant.operator.organization_id, A_POSTAL)
    with pytest.raises(PartyUnknown):
        await engine.perform(clerk(tenant.reseller), add_address, above)
    address = (await engine.perform(clerk(tenant.operator), add_address, above)).result
    with pytest.raises(AddressUnknown):
        await engine.read(clerk(tenant.reseller), get_address, address.id)
    with pytest.raises(AddressUnknown):
        await engine.perform(clerk(tenant.reseller), change_address, ChangeAddress(address.id, label="mine"))
    with pytest.raises(PartyUnknown):
        await engine.read(clerk(tenant.reseller), find_addresses, FindAddresses(OrganizationId(new_id())))


async def test_every_problem_of_an_address_is_named_at_once(engine: Engine, tenant: Tenant) -> None:
    postal = Postal(lines=("", "a\nb"), country="Germany", phone="1" * 201, email="jo@")
    command = AddAddress(tenant.customer.organization_id, postal, ("billing", "party"), ("shipping",))
    with pytest.raises(AddressUnfit) as refused:
        await engine.perform(clerk(tenant.reseller), add_address, command)
    fields = [problem.field for problem in refused.value.problems]
    assert [name.removeprefix("postal.") for name in fields[:5]] == [
        "phone", "lines.1", "city", "country", "email",
    ]  # fmt: skip
    assert fields[4:] == ["postal.email", "kinds.1", "default_for.0"]


@pytest.mark.parametrize(
    ("changes", "missing"),
    [
        ({"country": "US", "postcode": "94105"}, ["postal.region"]),
        ({"country": "US", "postcode": "", "region": "CA"}, ["postal.postcode"]),
        ({"country": "HK", "postcode": ""}, []),
        ({"lines": ()}, ["postal.lines"]),
        ({"country": "XX"}, ["postal.country"]),
    ],
)
async def test_what_an_address_needs_depends_on_the_country(
    engine: Engine, tenant: Tenant, changes: dict[str, Any], missing: list[str]
) -> None:
    command = AddAddress(tenant.customer.organization_id, a_postal(**changes))
    try:
        await engine.perform(clerk(tenant.customer), add_address, command, dry_run=True)
        found = []
    except AddressUnfit as refused:
        found = [problem.field for problem in refused.problems]
    assert found == missing


async def test_one_address_at_most_is_the_default_for_a_kind(engine: Engine, tenant: Tenant) -> None:
    first = await added(engine, tenant, default_for=("billing", "shipping"))
    second = await added(engine, tenant, default_for=("billing",))
    _, found = await asyncio.gather(
        engine.read(clerk(tenant.customer), get_address, first.id),
        engine.read(
            clerk(tenant.customer),
            lambda r, _a, o: r.fetch(default_addresses_query(o)),
            first.organization_id,
        ),
    )
    assert {a.id: (a.default_for, a.version) for a in found} == {
        first.id: (("shipping",), 2),
        second.id: (("billing",), 1),
    }


async def test_of_many_who_claim_the_default_at_once_one_has_it(
    engine: Engine, tenant: Tenant, owner: psycopg.Connection[Any]
) -> None:
    await asyncio.gather(*(added(engine, tenant, default_for=("billing",)) for _ in range(8)))
    counted = owner.execute(
        "SELECT count(*) FROM addresses WHERE tenant_id = %s AND default_for = '{billing}'", (tenant.id,)
    ).fetchone()
    assert counted == (1,)


async def test_a_change_replaces_what_it_names(engine: Engine, tenant: Tenant, meters: list[Meter]) -> None:
    old = await added(engine, tenant, default_for=("billing", "shipping"), label="Office")
    command = ChangeAddress(old.id, postal=a_postal(city="Weimar"), kinds=("shipping",), expected_version=1)
    changed = (await engine.perform(clerk(tenant.reseller), change_address, command)).result
    assert meters[-1].round_trips == 2
    assert (changed.postal.city, changed.default_for, changed.label, changed.version) == (
        "Weimar", ("shipping",), "Office", 2,
    )  # fmt: skip
    with pytest.raises(VersionStale):
        await engine.perform(clerk(tenant.reseller), change_address, command)


async def test_a_removed_address_is_gone_and_its_snapshot_is_not(engine: Engine, tenant: Tenant) -> None:
    address = await added(engine, tenant)
    snapshot = address.as_snapshot()
    with pytest.raises(VersionStale):
        await engine.perform(clerk(tenant.customer), remove_address, RemoveAddress(address.id, 7))
    await engine.perform(clerk(tenant.customer), remove_address, RemoveAddress(address.id, 1))
    with pytest.raises(AddressUnknown):
        await engine.read(clerk(tenant.customer), get_address, address.id)
    assert Postal.from_snapshot(snapshot) == A_POSTAL
    assert snapshot["lines"] == ["Hauptstraße 5", "Hinterhaus"]
    assert snapshot["address_id"] == str(address.id)
    assert "phone" not in snapshot


async def test_events_tell_the_organisations_history_and_nothing_personal(
    engine: Engine, tenant: Tenant, owner: psycopg.Connection[Any]
) -> None:
    address = await added(engine, tenant)
    await engine.perform(clerk(tenant.customer), change_address, ChangeAddress(address.id, label="x"))
    await engine.perform(clerk(tenant.customer), remove_address, RemoveAddress(address.id))
    rows = owner.execute(
        "SELECT type, subject, data FROM events WHERE subject_id = %s AND owner_id = %s ORDER BY id",
        (address.organization_id, address.organization_id),
    ).fetchall()
    about = {"address_id": str(address.id)}
    assert rows == [
        ("party.address_added", "party", about | {"version": 1}),
        ("party.address_changed", "party", about | {"version": 2}),
        ("party.address_removed", "party", about | {"version": 2}),
    ]


async def test_a_list_goes_page_by_page_and_by_kind(engine: Engine, tenant: Tenant) -> None:
    ids = [(await added(engine, tenant, kinds=(kind,))).id for kind in ("billing", "shipping", "billing")]
    organization = tenant.customer.organization_id

    async def page(kind: str | None, request: PageRequest) -> tuple[list[AddressId], str | None]:
        found = await engine.read(
            clerk(tenant.reseller), find_addresses, FindAddresses(organization, kind, request)
        )
        return [address.id for address in found.items], found.next_cursor

    first, cursor = await page(None, PageRequest(2))
    assert (first, cursor is None) == (ids[:2], False)
    assert await page(None, PageRequest(2, decode_cursor(cursor or ""))) == (ids[2:], None)
    assert await page("billing", PageRequest()) == ([ids[0], ids[2]], None)
