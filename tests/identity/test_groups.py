"""Groups of people: members of their organisation, seen by their organisation and those above it."""

from __future__ import annotations

import pytest

from chandlery.engine.unit_of_work import Reader
from chandlery.identity.errors import (
    GroupMemberElsewhere,
    GroupNameTaken,
    GroupUnfit,
    GroupUnknown,
    UserUnknown,
)
from chandlery.identity.gate import Gate
from chandlery.identity.groups import (
    AddGroup,
    ChangeGroup,
    FindGroups,
    FindMembers,
    Group,
    Membership,
    add_group,
    add_member,
    change_group,
    find_groups,
    find_members,
    get_group,
    groups_of,
    is_member,
    remove_group,
    remove_member,
)
from chandlery.identity.memberships import FindMemberships, find_memberships, remove_membership
from chandlery.kernel.actor import Actor
from chandlery.kernel.errors import VersionStale
from chandlery.kernel.ids import GroupId, UserId
from chandlery.kernel.page import PageRequest
from tests.builders import Tenant
from tests.identity.builders import a_user, everything


async def a_group(gate: Gate, actor: Actor, name: str = "Approvers") -> Group:
    command = AddGroup(actor.organization_id, name)
    return (await gate.engine.perform(everything(actor), add_group, command)).result


async def asked(reader: Reader, _actor: Actor, who: tuple[GroupId, UserId]) -> tuple[bool, list[GroupId]]:
    """As rules in other rooms ask."""
    return await reader.fetch(is_member(*who), groups_of(who[1]))


async def test_a_group_is_formed_and_members_come_and_go(gate: Gate, tenant: Tenant) -> None:
    engine, actor = gate.engine, everything(tenant.reseller)
    group, user = await a_group(gate, tenant.reseller), await a_user(gate, tenant.reseller)
    member = Membership(group.id, user.id)
    for _ in range(2):
        await engine.perform(actor, add_member, member)
    found = await engine.read(actor, find_members, FindMembers(group.id, PageRequest()))
    assert [(one.user_id, one.email) for one in found.items] == [(user.id, user.email)]
    assert await engine.read(actor, asked, (group.id, user.id)) == (True, [group.id])
    await engine.perform(actor, remove_member, member)
    assert await engine.read(actor, asked, (group.id, user.id)) == (False, [])
    with pytest.raises(UserUnknown):
        await engine.perform(actor, remove_member, member)


async def test_only_members_of_the_organisation_can_be_in_its_groups(gate: Gate, tenant: Tenant) -> None:
    group, user = await a_group(gate, tenant.reseller), await a_user(gate, tenant.customer)
    with pytest.raises(GroupMemberElsewhere):
        await gate.engine.perform(everything(tenant.reseller), add_member, Membership(group.id, user.id))


async def test_who_leaves_the_organisation_leaves_its_groups(gate: Gate, tenant: Tenant) -> None:
    engine, actor = gate.engine, everything(tenant.reseller)
    group, user = await a_group(gate, tenant.reseller), await a_user(gate, tenant.reseller)
    await engine.perform(actor, add_member, Membership(group.id, user.id))
    memberships = await engine.read(actor, find_memberships, FindMemberships(user_id=user.id))
    await engine.perform(actor, remove_membership, memberships.items[0].id)
    found = await engine.read(actor, find_members, FindMembers(group.id, PageRequest()))
    assert list(found.items) == []


async def test_names_are_taken_per_organisation_whatever_their_case(gate: Gate, tenant: Tenant) -> None:
    await a_group(gate, tenant.reseller)
    with pytest.raises(GroupNameTaken):
        await a_group(gate, tenant.reseller, "APPROVERS")
    other = await a_group(gate, tenant.reseller, "Buyers")
    with pytest.raises(GroupNameTaken):
        await gate.engine.perform(
            everything(tenant.reseller), change_group, ChangeGroup(other.id, "approvers")
        )
    await a_group(gate, tenant.customer)
    for name in ("", " ", "x" * 101, "two\nlines"):
        with pytest.raises(GroupUnfit):
            await a_group(gate, tenant.reseller, name)


async def test_a_group_is_changed_by_who_has_seen_it_and_removed(gate: Gate, tenant: Tenant) -> None:
    engine, actor = gate.engine, everything(tenant.reseller)
    group = await a_group(gate, tenant.reseller)
    changed = await engine.perform(actor, change_group, ChangeGroup(group.id, "Board", "Who decides", 1))
    assert (changed.result.name, changed.result.description, changed.result.version) == (
        "Board",
        "Who decides",
        2,
    )
    with pytest.raises(VersionStale):
        await engine.perform(actor, change_group, ChangeGroup(group.id, "Other", None, 1))
    await engine.perform(actor, remove_group, group.id)
    with pytest.raises(GroupUnknown):
        await engine.read(actor, get_group, group.id)


async def test_groups_are_seen_from_above_and_not_from_below(gate: Gate, tenant: Tenant) -> None:
    group = await a_group(gate, tenant.reseller)
    for actor, seen in ((tenant.operator, True), (tenant.reseller, True), (tenant.customer, False)):
        found = await gate.engine.read(everything(actor), find_groups, FindGroups())
        assert (group.id in [one.id for one in found.items]) is seen
    with pytest.raises(GroupUnknown):
        await gate.engine.perform(everything(tenant.customer), remove_group, group.id)
