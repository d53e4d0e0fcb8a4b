"""What can be done with the sales channels of an organisation: add, change, close, read.

Of a seller's channels one is the default, the first one until another is made it. A channel is closed and never
deleted: there are orders that bear its number.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from chandlery.engine.unit_of_work import Reader, Unit
from chandlery.identity import permissions
from chandlery.identity._store import channels as store
from chandlery.identity._store import organizations as organization_store
from chandlery.identity._store.channels import channel_if_seen, channel_query
from chandlery.identity.channel import Channel, ChannelStatus, Naming, check_channel
from chandlery.identity.errors import ChannelIsDefault, ChannelUnfit
from chandlery.kernel.actor import Actor
from chandlery.kernel.errors import Problem, VersionStale
from chandlery.kernel.events import Event
from chandlery.kernel.ids import ChannelId, OrganizationId, new_id
from chandlery.kernel.page import Page, PageRequest, page_of

__all__ = [
    "AddChannel",
    "ChangeChannel",
    "Channel",
    "FindChannels",
    "add_channel",
    "change_channel",
    "channel_if_seen",
    "channel_query",
    "find_channels",
    "get_channel",
]


@dataclass(frozen=True, slots=True)
class AddChannel:
    """Without a number it gets the next free one."""

    organization_id: OrganizationId
    name: str
    number: int | None = None
    is_default: bool = False
    naming: Naming = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class ChangeChannel:
    """What is None stays; of `naming` the kinds that are given are replaced, an empty one goes."""

    channel_id: ChannelId
    name: str | None = None
    number: int | None = None
    is_default: bool | None = None
    status: ChannelStatus | None = None
    naming: Mapping[str, Mapping[str, str]] | None = None
    expected_version: int | None = None


@dataclass(frozen=True, slots=True)
class FindChannels:
    """Those of one organisation, or all in the actor's reach, oldest first; the one of a number."""

    organization_id: OrganizationId | None = None
    number: int | None = None
    page: PageRequest = field(default_factory=PageRequest)


async def add_channel(unit: Unit, actor: Actor, command: AddChannel) -> Channel:
    actor.require(permissions.CHANNELS_WRITE)
    check_channel(command.name, command.number, command.naming)
    organization, number, has_default = await unit.fetch(
        organization_store.for_change(command.organization_id),
        store.next_number(command.number),
        store.has_default(command.organization_id),
    )
    if organization.kind not in ("operator", "reseller"):
        raise ChannelUnfit(Problem("organization_id", "Only an operator or a reseller sells.", "unfit"))
    new = Channel(
        ChannelId(new_id()),
        organization.id,
        number,
        command.name.strip(),
        command.is_default or not has_default,
        unit.now,
        naming=_kept(command.naming),
    )
    if new.is_default:
        unit.write(store.yield_default_to(new))
    unit.write(store.add(new, organization.path))
    unit.emit(_event("channel.added", new))
    return new


async def change_channel(unit: Unit, actor: Actor, command: ChangeChannel) -> Channel:
    actor.require(permissions.CHANNELS_WRITE)
    check_channel(command.name, command.number, command.naming)
    _, channel = await unit.fetch(store.lock_seller_of(command.channel_id), channel_query(command.channel_id))
    if command.expected_version not in (None, channel.version):
        raise VersionStale
    changed = replace(
        channel,
        name=channel.name if command.name is None else command.name.strip(),
        number=channel.number if command.number is None else command.number,
        is_default=channel.is_default if command.is_default is None else command.is_default,
        status=channel.status if command.status is None else command.status,
        naming=_kept({**channel.naming, **(command.naming or {})}),
        version=channel.version + 1,
    )
    if (channel.is_default and not changed.is_default) or (changed.is_default and changed.status == "closed"):
        raise ChannelIsDefault
    if changed.is_default and not channel.is_default:
        unit.write(store.yield_default_to(changed))
    unit.write(store.save(changed))
    unit.emit(_event("channel.changed", changed))
    return changed


async def get_channel(reader: Reader, actor: Actor, channel_id: ChannelId) -> Channel:
    actor.require(permissions.CHANNELS_READ)
    return await reader.fetch(channel_query(channel_id))


async def find_channels(reader: Reader, actor: Actor, command: FindChannels) -> Page[Channel]:
    actor.require(permissions.CHANNELS_READ)
    rows = await reader.fetch(store.find(command.organization_id, command.number, command.page))
    return page_of(rows, command.page.limit, lambda channel: (channel.created_at, channel.id))


def _kept(naming: Naming) -> Naming:
    return {kind: dict(names) for kind, names in naming.items() if names}


def _event(name: str, channel: Channel) -> Event:
    data = {
        "number": channel.number,
        "name": channel.name,
        "is_default": channel.is_default,
        "status": channel.status,
    }
    return Event(name, channel.id, channel.organization_id, data)
