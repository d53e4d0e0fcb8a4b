from __future__ import annotations

from typing import Any

import psycopg
import pytest

from chandlery.engine.unit_of_work import Engine, Meter
from chandlery.kernel.errors import PermissionMissing, VersionStale
from chandlery.kernel.ids import ContactId, UserId, new_id
from chandlery.parties.contact import Contact, Person
from chandlery.parties.contacts import (
    AddContact,
    ChangeContact,
    FindContacts,
    RemoveContact,
    add_contact,
    change_contact,
    find_contacts,
    get_contact,
    remove_contact,
)
from chandlery.parties.errors import ContactUnfit, ContactUnknown, PartyUnknown
from tests.builders import Tenant
from tests.parties.builders import clerk

JO = Person(family_name="Muster", given_name="Jo", title="Dr.", email="jo@example.com", language="de-AT")


async def added(engine: Engine, tenant: Tenant, **changes: Any) -> Contact:
    command = AddContact(tenant.customer.organization_id, JO, **changes)
    return (await engine.perform(clerk(tenant.reseller), add_contact, command)).result


async def test_a_contact_is_read_back_as_it_was_added(
    engine: Engine, tenant: Tenant, meters: list[Meter]
) -> None:
    new = await added(engine, tenant, roles=("billing", "technical"))
    assert meters[-1].round_trips == 2
    assert await engine.read(clerk(tenant.customer), get_contact, new.id) == new
    assert new.person.name == "Dr. Jo Muster"


async def test_contacts_need_the_permission_and_stay_in_their_subtree(engine: Engine, tenant: Tenant) -> None:
    above = AddContact(tenant.operator.organization_id, JO)
    with pytest.raises(PermissionMissing):
        await engine.perform(tenant.operator, add_contact, above)
    with pytest.raises(PartyUnknown):
        await engine.perform(clerk(tenant.reseller), add_contact, above)
    contact = (await engine.perform(clerk(tenant.operator), add_contact, above)).result
    with pytest.raises(ContactUnknown):
        await engine.read(clerk(tenant.reseller), get_contact, contact.id)
    with pytest.raises(ContactUnknown):
        await engine.perform(clerk(tenant.reseller), remove_contact, RemoveContact(ContactId(new_id())))


async def test_every_problem_of_a_contact_is_named_at_once(engine: Engine, tenant: Tenant) -> None:
    person = Person(position="a\r\nb", other_email="a@b@c", language="Deutsch")
    command = AddContact(tenant.customer.organization_id, person, ("friend",))
    with pytest.raises(ContactUnfit) as refused:
        await engine.perform(clerk(tenant.reseller), add_contact, command)
    fields = [problem.field for problem in refused.value.problems]
    assert fields == [
        "roles.0",
        "person.position",
        "person.family_name",
        "person.other_email",
        "person.language",
    ]


async def test_an_account_that_the_actor_cannot_see_is_nobody_s(engine: Engine, tenant: Tenant) -> None:
    command = AddContact(tenant.customer.organization_id, JO, user_id=UserId(new_id()))
    with pytest.raises(ContactUnfit) as refused:
        await engine.perform(clerk(tenant.reseller), add_contact, command)
    assert [problem.field for problem in refused.value.problems] == ["user_id"]
    contact = await added(engine, tenant)
    with pytest.raises(ContactUnfit):
        await engine.perform(
            clerk(tenant.reseller), change_contact, ChangeContact(contact.id, user_id=UserId(new_id()))
        )


async def test_a_new_primary_contact_takes_the_place_of_the_old_one(engine: Engine, tenant: Tenant) -> None:
    first = await added(engine, tenant, is_primary=True)
    second = await added(engine, tenant, is_primary=True)
    command = FindContacts(tenant.customer.organization_id)
    found = await engine.read(clerk(tenant.customer), find_contacts, command)
    assert {c.id: c.is_primary for c in found.items} == {first.id: False, second.id: True}
    back = ChangeContact(first.id, is_primary=True, expected_version=2)
    await engine.perform(clerk(tenant.customer), change_contact, back)
    found = await engine.read(clerk(tenant.customer), find_contacts, command)
    assert {c.id: c.is_primary for c in found.items} == {first.id: True, second.id: False}


async def test_a_change_of_a_stale_contact_is_refused(engine: Engine, tenant: Tenant) -> None:
    contact = await added(engine, tenant)
    command = ChangeContact(contact.id, roles=("legal",), expected_version=1)
    changed = (await engine.perform(clerk(tenant.customer), change_contact, command)).result
    assert (changed.roles, changed.person, changed.version) == (("legal",), JO, 2)
    with pytest.raises(VersionStale):
        await engine.perform(clerk(tenant.customer), change_contact, command)


async def test_a_removed_contact_leaves_nothing_personal_behind(
    engine: Engine, tenant: Tenant, owner: psycopg.Connection[Any]
) -> None:
    contact = await added(engine, tenant)
    await engine.perform(clerk(tenant.customer), remove_contact, RemoveContact(contact.id, 1))
    rows = owner.execute(
        "SELECT type, data FROM events WHERE tenant_id = %s ORDER BY id", (tenant.id,)
    ).fetchall()
    about = {"contact_id": str(contact.id), "version": 1}
    assert rows == [("party.contact_added", about), ("party.contact_removed", about)]
    assert owner.execute("SELECT 1 FROM contacts WHERE id = %s", (contact.id,)).fetchone() is None


async def test_a_list_shows_who_is_in_charge_of_a_matter(engine: Engine, tenant: Tenant) -> None:
    await added(engine, tenant, roles=("technical",))
    billing = await added(engine, tenant, roles=("billing", "legal"))
    command = FindContacts(tenant.customer.organization_id, "billing")
    found = await engine.read(clerk(tenant.reseller), find_contacts, command)
    assert ([c.id for c in found.items], found.next_cursor) == ([billing.id], None)
