"""Sales channels: under which number and name, and with which words, a seller meets those who buy from it."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated
from uuid import UUID

import msgspec
from msgspec import Meta

from chandlery.identity import channels
from chandlery.identity.channel import KINDS, MAX_NUMBER, Channel, ChannelStatus
from chandlery.identity.errors import ChannelUnknown
from chandlery.kernel.ids import ChannelId, OrganizationId
from chandlery.surfaces.http.call import Call
from chandlery.surfaces.http.decoding import Body
from chandlery.surfaces.http.route import Reply
from chandlery.surfaces.native.dialect import PageQuery, page_reply
from chandlery.surfaces.native.fields import Id

ChannelName = Annotated[str, Meta(examples=["Quayside Store"])]
Number = Annotated[
    int, Meta(ge=1, lt=MAX_NUMBER, description="By which other systems know it.", examples=[10010])
]
Naming = Annotated[
    dict[str, dict[str, str]],
    Meta(
        description=f"The channel's own names, by kind: {', '.join(KINDS)}.",
        examples=[{"order_states": {"completed": "Delivered"}, "carriers": {"dhl": "DHL Express"}}],
    ),
]


class ChannelBody(msgspec.Struct, kw_only=True):
    id: UUID
    organization_id: UUID
    number: int
    name: str
    is_default: bool
    status: ChannelStatus
    naming: Naming
    created_at: datetime
    version: int


class NewChannel(Body):
    """Of your own organisation unless another one is given; without a number it gets the next one."""

    name: ChannelName
    organization_id: Id | None = None
    number: Number | None = None
    is_default: bool = False
    naming: Naming = msgspec.field(default_factory=dict)


class ChannelChange(Body):
    """What is left out stays; of `naming` the kinds that are given are replaced, an empty one goes."""

    name: ChannelName | None = None
    number: Number | None = None
    is_default: bool | None = None
    status: ChannelStatus | None = None
    naming: Naming | None = None


class ChannelQuery(PageQuery):
    organization_id: Id | None = None
    number: Number | None = None


async def list_channels(call: Call) -> Reply:
    query: ChannelQuery = call.query
    of = OrganizationId(query.organization_id) if query.organization_id else None
    found = await call.read(channels.find_channels, channels.FindChannels(of, query.number, query.page()))
    return page_reply(found, _body)


async def add_channel(call: Call, body: NewChannel) -> Reply:
    command = channels.AddChannel(
        OrganizationId(body.organization_id or call.actor.organization_id),
        body.name,
        body.number,
        body.is_default,
        body.naming,
    )

    def added(new: Channel) -> Reply:
        return Reply(_body(new), etag=new.version, location=call.url(f"/v1/channels/{new.id}"))

    return await call.perform(channels.add_channel, command, reply=added)


async def get_channel(call: Call) -> Reply:
    return _reply(await call.read(channels.get_channel, _id(call)))


async def change_channel(call: Call, body: ChannelChange) -> Reply:
    command = channels.ChangeChannel(
        _id(call), body.name, body.number, body.is_default, body.status, body.naming, call.expected_version
    )
    return await call.perform(channels.change_channel, command, reply=_reply)


async def close_channel(call: Call) -> Reply:
    command = channels.ChangeChannel(_id(call), status="closed", expected_version=call.expected_version)
    return await call.perform(channels.change_channel, command, reply=_reply)


def _id(call: Call) -> ChannelId:
    return ChannelId(call.id("channel_id", missing=ChannelUnknown))


def _reply(channel: Channel) -> Reply:
    return Reply(_body(channel), etag=channel.version)


def _body(channel: Channel) -> ChannelBody:
    return ChannelBody(
        id=channel.id,
        organization_id=channel.organization_id,
        number=channel.number,
        name=channel.name,
        is_default=channel.is_default,
        status=channel.status,
        naming={kind: dict(names) for kind, names in channel.naming.items()},
        created_at=channel.created_at,
        version=channel.version,
    )
