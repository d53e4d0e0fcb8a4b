"""Which tenants an installation has: for commands that work on one and were not told on which."""

from __future__ import annotations

import psycopg

from chandlery.engine.children import CannotStart
from chandlery.kernel.ids import TenantId

_TENANTS = """
    SELECT t.id, o.name FROM tenants t JOIN organizations o ON o.id = t.id ORDER BY t.created_at LIMIT 20
"""  # sql: across tenants, as the database's owner; no unit of work can see this


def only_tenant(url: str) -> TenantId:
    """The only tenant of the database; `url` is its owner's, whom row-level security does not bind."""
    with psycopg.connect(url, connect_timeout=5) as connection:
        rows = connection.execute(_TENANTS).fetchall()
    if len(rows) == 1:
        return TenantId(rows[0][0])
    if not rows:
        raise CannotStart("There is no tenant yet; found one with: chandlery found --name NAME")
    listed = "\n".join(f"  --tenant {tenant_id}   {name}" for tenant_id, name in rows)
    raise CannotStart(f"There is more than one tenant; name one:\n{listed}")
