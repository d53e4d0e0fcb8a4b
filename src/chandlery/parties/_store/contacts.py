"""Contacts in the database."""

from __future__ import annotations

import msgspec
from psycopg.types.json import Jsonb

from chandlery.engine.statements import Query, Row, Write, many, maybe, one, scalar
from chandlery.kernel.ids import ContactId, OrganizationId, UserId
from chandlery.kernel.page import PageRequest
from chandlery.parties.address import snapshot_of
from chandlery.parties.contact import Contact, Person
from chandlery.parties.errors import ContactUnknown

_ONE = """
SELECT id, organization_id, roles, is_primary, person, created_at, user_id, version, attributes
FROM contacts WHERE id = %s
"""
_LOCK_HOLDER = """
SELECT id FROM organizations WHERE id = (SELECT organization_id FROM contacts WHERE id = %s) FOR NO KEY UPDATE
"""
_FIND = """
SELECT id, organization_id, roles, is_primary, person, created_at, user_id, version, attributes
FROM contacts
WHERE tenant_id = scope_tenant() AND organization_id = %(organization)s
    AND (%(role)s::text IS NULL OR roles @> ARRAY[%(role)s::text])
    AND (created_at, id) > (
        coalesce(%(after)s::timestamptz, '-infinity'),
        coalesce(%(after_id)s::uuid, '00000000-0000-0000-0000-000000000000')
    )
ORDER BY created_at, id LIMIT %(limit)s
"""


def _decode(row: Row) -> Contact:
    return Contact(row[0], row[1], tuple(row[2]), row[3], msgspec.convert(row[4], Person), *row[5:])


def contact(contact_id: ContactId) -> Query[Contact]:
    return one(_ONE, (contact_id,), _decode, ContactUnknown)


def account(user_id: UserId | None) -> Query[UserId | None]:
    """The person's account, if one was named and the actor sees it."""
    return maybe("SELECT id FROM users WHERE id = %s::uuid", (user_id,), scalar)


def lock_holder_of(contact_id: ContactId) -> Query[OrganizationId]:
    """Others who change entries of that organisation wait; fetched before the contact, which is then the newest."""
    return one(_LOCK_HOLDER, (contact_id,), scalar, ContactUnknown)


def find(organization_id: OrganizationId, role: str | None, page: PageRequest) -> Query[list[Contact]]:
    after, after_id = page.after or (None, None)
    params = {
        "organization": organization_id,
        "role": role,
        "after": after,
        "after_id": after_id,
        "limit": page.limit + 1,
    }
    return many(_FIND, params, _decode)


def add(new: Contact) -> Write:
    return Write(
        "INSERT INTO contacts (id, tenant_id, organization_id, owner_path, roles, is_primary, person, user_id,"
        " created_at, version, attributes) SELECT %s, scope_tenant(), o.id, o.path, %s::text[], %s::boolean, %s,"
        " %s::uuid, %s::timestamptz, %s::integer, %s FROM organizations o WHERE o.id = %s",
        (
            new.id,
            list(new.roles),
            new.is_primary,
            Jsonb(snapshot_of(new.person)),
            new.user_id,
            new.created_at,
            new.version,
            Jsonb(new.attributes),
            new.organization_id,
        ),
    )


def save(changed: Contact) -> Write:
    return Write(
        "UPDATE contacts SET roles = %s::text[], is_primary = %s::boolean, person = %s, user_id = %s::uuid,"
        " version = %s, attributes = %s WHERE id = %s",
        (
            list(changed.roles),
            changed.is_primary,
            Jsonb(snapshot_of(changed.person)),
            changed.user_id,
            changed.version,
            Jsonb(changed.attributes),
            changed.id,
        ),
    )


def yield_primary_to(chosen: Contact) -> Write:
    return Write(
        "UPDATE contacts SET version = version + 1, is_primary = false"
        " WHERE tenant_id = scope_tenant() AND organization_id = %s AND is_primary AND id <> %s",
        (chosen.organization_id, chosen.id),
    )


def remove(contact_id: ContactId) -> Write:
    return Write("DELETE FROM contacts WHERE id = %s", (contact_id,))
