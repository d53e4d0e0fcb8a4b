"""Sales channels in the database; whoever changes one holds its seller's row, so that one stays the default."""

from __future__ import annotations

from psycopg.types.json import Jsonb

from chandlery.engine.statements import Query, Row, Write, maybe, one, refusals
from chandlery.identity._store.select import listed, select
from chandlery.identity.channel import Channel
from chandlery.identity.errors import ChannelNumberTaken, ChannelUnknown, OrganizationUnknown
from chandlery.kernel.ids import ChannelId, OrganizationId
from chandlery.kernel.page import PageRequest

_COLUMNS = "id, organization_id, number, name, is_default, created_at, status, naming, version"
_TAKEN = refusals(channels_number_key=ChannelNumberTaken)


def _decode(row: Row) -> Channel:
    return Channel(*row)


def channel_query(channel_id: ChannelId) -> Query[Channel]:
    """One channel: of the actor's own organisation, of one below, or of its seller."""
    return one(select(_COLUMNS, "FROM channels WHERE id = %s"), (channel_id,), _decode, ChannelUnknown)


def channel_if_seen(channel_id: ChannelId) -> Query[Channel | None]:
    """For other rooms, to travel with a fetch of theirs; None where there is none of that id for the actor."""
    return maybe(select(_COLUMNS, "FROM channels WHERE id = %s"), (channel_id,), _decode)


def lock_seller_of(channel_id: ChannelId) -> Query[OrganizationId]:
    """Of a channel that the actor may change; what is read behind it, in a statement of its own, is current."""
    return one(
        "SELECT o.id FROM organizations o JOIN channels c ON c.organization_id = o.id"
        " WHERE c.id = %s AND o.path >= scope_path() AND o.path < scope_path_end() FOR NO KEY UPDATE OF o",
        (channel_id,),
        lambda row: OrganizationId(row[0]),
        ChannelUnknown,
    )


def has_default(organization_id: OrganizationId) -> Query[bool]:
    return one(
        "SELECT EXISTS (SELECT FROM channels WHERE organization_id = %s AND is_default)",
        (organization_id,),
        lambda row: bool(row[0]),
        OrganizationUnknown,
    )


def next_number(given: int | None) -> Query[int]:
    """The number that was asked for, else the next one."""
    return one(
        "SELECT coalesce(%s::bigint, nextval('channel_numbers'))",
        (given,),
        lambda row: int(row[0]),
        OrganizationUnknown,
    )


def find(
    organization_id: OrganizationId | None, number: int | None, page: PageRequest
) -> Query[list[Channel]]:
    return listed(
        select(_COLUMNS, "FROM channels WHERE tenant_id = scope_tenant()"),
        (("organization_id = %s", organization_id), ("number = %s::bigint", number)),
        page,
        "created_at, id",
        _decode,
    )


def add(new: Channel, path: str) -> Write:
    return Write(
        "INSERT INTO channels (id, tenant_id, organization_id, owner_path, number, name, is_default, status, naming,"
        " created_at) VALUES (%s, scope_tenant(), %s, %s::text, %s, %s::text, %s, %s::text, %s, %s)",
        (
            new.id,
            new.organization_id,
            path,
            new.number,
            new.name,
            new.is_default,
            new.status,
            Jsonb(new.naming),
            new.created_at,
        ),
        _TAKEN,
    )


def save(channel: Channel) -> Write:
    return Write(
        "UPDATE channels SET number = %s, name = %s::text, is_default = %s, status = %s::text, naming = %s,"
        " version = %s WHERE id = %s",
        (
            channel.number,
            channel.name,
            channel.is_default,
            channel.status,
            Jsonb(channel.naming),
            channel.version,
            channel.id,
        ),
        _TAKEN,
    )


def yield_default_to(channel: Channel) -> Write:
    """Another one ceases to be the default."""
    return Write(
        "UPDATE channels SET is_default = false, version = version + 1"
        " WHERE organization_id = %s AND is_default AND id <> %s",
        (channel.organization_id, channel.id),
    )
