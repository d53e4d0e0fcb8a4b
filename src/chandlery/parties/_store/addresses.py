"""Addresses in the database."""

from __future__ import annotations

from psycopg.types.json import Jsonb

from chandlery.engine.statements import Query, Row, Write, many, one, scalar
from chandlery.kernel.ids import AddressId, OrganizationId
from chandlery.kernel.page import PageRequest
from chandlery.parties.address import Address, Postal
from chandlery.parties.errors import AddressUnknown

_ONE = """
SELECT id, organization_id, kinds, default_for, label, postal, created_at, version, attributes
FROM addresses WHERE id = %s
"""
_LOCK_HOLDER = """
SELECT id FROM organizations WHERE id = (SELECT organization_id FROM addresses WHERE id = %s) FOR NO KEY UPDATE
"""
_FIND = """
SELECT id, organization_id, kinds, default_for, label, postal, created_at, version, attributes
FROM addresses
WHERE tenant_id = scope_tenant() AND organization_id = %(organization)s
    AND (%(kind)s::text IS NULL OR kinds @> ARRAY[%(kind)s::text])
    AND (created_at, id) > (
        coalesce(%(after)s::timestamptz, '-infinity'),
        coalesce(%(after_id)s::uuid, '00000000-0000-0000-0000-000000000000')
    )
ORDER BY created_at, id LIMIT %(limit)s
"""
_DEFAULTS = """
SELECT id, organization_id, kinds, default_for, label, postal, created_at, version, attributes
FROM addresses WHERE tenant_id = scope_tenant() AND organization_id = %s AND default_for <> '{}' LIMIT 20
"""


def _decode(row: Row) -> Address:
    return Address(
        row[0], row[1], tuple(row[2]), tuple(row[3]), row[4], Postal.from_snapshot(row[5]), *row[6:]
    )


def address(address_id: AddressId) -> Query[Address]:
    return one(_ONE, (address_id,), _decode, AddressUnknown)


def lock_holder_of(address_id: AddressId) -> Query[OrganizationId]:
    """Others who change entries of that organisation wait; fetched before the address, which is then the newest."""
    return one(_LOCK_HOLDER, (address_id,), scalar, AddressUnknown)


def find(organization_id: OrganizationId, kind: str | None, page: PageRequest) -> Query[list[Address]]:
    after, after_id = page.after or (None, None)
    params = {
        "organization": organization_id,
        "kind": kind,
        "after": after,
        "after_id": after_id,
        "limit": page.limit + 1,
    }
    return many(_FIND, params, _decode)


def defaults(organization_id: OrganizationId) -> Query[list[Address]]:
    return many(_DEFAULTS, (organization_id,), _decode)


def add(new: Address) -> Write:
    return Write(
        "INSERT INTO addresses (id, tenant_id, organization_id, owner_path, kinds, default_for, label, postal,"
        " created_at, version, attributes) SELECT %s, scope_tenant(), o.id, o.path, %s::text[], %s::text[], %s::text,"
        " %s, %s::timestamptz, %s::integer, %s FROM organizations o WHERE o.id = %s",
        (
            new.id,
            list(new.kinds),
            list(new.default_for),
            new.label,
            Jsonb(new.postal.as_snapshot()),
            new.created_at,
            new.version,
            Jsonb(new.attributes),
            new.organization_id,
        ),
    )


def save(changed: Address) -> Write:
    return Write(
        "UPDATE addresses SET kinds = %s::text[], default_for = %s::text[], label = %s::text, postal = %s,"
        " version = %s, attributes = %s WHERE id = %s",
        (
            list(changed.kinds),
            list(changed.default_for),
            changed.label,
            Jsonb(changed.postal.as_snapshot()),
            changed.version,
            Jsonb(changed.attributes),
            changed.id,
        ),
    )


def yield_defaults_to(chosen: Address) -> Write:
    """No other address of the organisation stays the default for what this one now is."""
    return Write(
        "UPDATE addresses SET version = version + 1,"
        " default_for = ARRAY(SELECT unnest(default_for) EXCEPT SELECT unnest(%s::text[]) ORDER BY 1)"
        " WHERE tenant_id = scope_tenant() AND organization_id = %s AND id <> %s AND default_for && %s::text[]",
        (list(chosen.default_for), chosen.organization_id, chosen.id, list(chosen.default_for)),
    )


def remove(address_id: AddressId) -> Write:
    return Write("DELETE FROM addresses WHERE id = %s", (address_id,))
