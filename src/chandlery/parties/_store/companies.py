"""Company data and letterheads in the database: one row each for an organisation that has given any."""

from __future__ import annotations

from collections.abc import Sequence
from functools import reduce

import msgspec
from psycopg.types.json import Jsonb

from chandlery.engine.statements import Query, Row, Write, maybe
from chandlery.kernel.ids import OrganizationId
from chandlery.parties.address import snapshot_of
from chandlery.parties.company import Company, CompanyFacts
from chandlery.parties.letterhead import Letterhead

_COMPANY = """
SELECT organization_id, facts, changed_at, version, attributes FROM companies WHERE organization_id = %s
"""
_LETTERHEAD = "SELECT letterhead FROM letterheads WHERE organization_id = %s"
_ABOVE = "SELECT letterhead FROM letterheads_above(%s)"


def company(organization_id: OrganizationId) -> Query[Company | None]:
    return maybe(_COMPANY, (organization_id,), _decode)


def _decode(row: Row) -> Company:
    return Company(row[0], msgspec.convert(row[1], CompanyFacts), *row[2:])


def save(changed: Company) -> Write:
    return Write(
        "INSERT INTO companies (organization_id, tenant_id, owner_path, facts, changed_at, version, attributes)"
        " SELECT o.id, scope_tenant(), o.path, %s, %s::timestamptz, %s::integer, %s FROM organizations o"
        " WHERE o.id = %s"
        " ON CONFLICT (organization_id) DO UPDATE SET facts = excluded.facts, changed_at = excluded.changed_at,"
        " version = excluded.version, attributes = excluded.attributes",
        (
            Jsonb(changed.facts.as_snapshot()),
            changed.changed_at,
            changed.version,
            Jsonb(changed.attributes),
            changed.organization_id,
        ),
    )


def letterhead(organization_id: OrganizationId) -> Query[Letterhead | None]:
    return maybe(_LETTERHEAD, (organization_id,), _read_letterhead)


def letterhead_in_use(organization_id: OrganizationId) -> Query[Letterhead]:
    """What its letters bear: its own, filled from those above it."""

    def read(rows: Sequence[Row]) -> Letterhead:
        return reduce(Letterhead.over, map(_read_letterhead, rows), Letterhead())

    return Query(_ABOVE, (organization_id,), read)


def _read_letterhead(row: Row) -> Letterhead:
    return msgspec.convert(row[0], Letterhead)


def save_letterhead(organization_id: OrganizationId, changed: Letterhead) -> Write:
    return Write(
        "INSERT INTO letterheads (organization_id, tenant_id, owner_path, letterhead)"
        " SELECT o.id, scope_tenant(), o.path, %s FROM organizations o WHERE o.id = %s"
        " ON CONFLICT (organization_id) DO UPDATE SET letterhead = excluded.letterhead",
        (Jsonb(snapshot_of(changed)), organization_id),
    )
