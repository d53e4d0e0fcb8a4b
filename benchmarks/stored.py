"""A full order book: as many orders as asked for, with their lines, prices and history, loaded as rows."""

from __future__ import annotations

from typing import Any
from uuid import UUID

import psycopg

from benchmarks.servers import count_of

_BATCH = 50_000
# An id that sorts by when it was made, as those of the app do: the first 48 bits are milliseconds.
_ID = """CREATE OR REPLACE FUNCTION pg_temp.id_at(at timestamptz) RETURNS uuid LANGUAGE sql VOLATILE AS $$
    SELECT (lpad(to_hex((extract(epoch FROM at) * 1000)::bigint), 12, '0') || substr(md5(random()::text), 1, 20))::uuid
$$"""


def fill_to(connection: psycopg.Connection[Any], tenant_id: str, orders: int, sample_id: str) -> int:
    """Add copies of one order, completed some days ago, until there are so many; how many were added.

    As the owner and without the triggers of foreign keys: the rows are copies of one that kept them all.
    """
    connection.execute(_ID)
    stored = count_of(connection, "SELECT count(*) FROM orders WHERE tenant_id = %s", tenant_id)
    connection.execute("SET session_replication_role = replica")
    for first in range(stored, orders, _BATCH):
        _add(connection, tenant_id, UUID(sample_id), first, min(_BATCH, orders - first), orders)
    connection.execute("RESET session_replication_role")
    connection.execute("VACUUM ANALYZE")
    connection.execute("CHECKPOINT")
    return max(0, orders - stored)


def _add(
    connection: psycopg.Connection[Any], tenant_id: str, sample: UUID, first: int, count: int, of: int
) -> None:
    columns = {
        table: [
            name
            for (name,) in connection.execute(
                "SELECT attname FROM pg_attribute WHERE attrelid = %s::regclass AND attnum > 0 AND NOT attisdropped"
                " AND attgenerated = '' ORDER BY attnum",
                (table,),
            )
        ]
        for table in ("orders", "order_lines", "order_line_prices", "events")
    }
    connection.execute("DROP TABLE IF EXISTS new_orders, new_lines")
    # They lie over the last 300 days, the newest yesterday, and belong to the tenant's customers in turn.
    connection.execute(
        """CREATE TEMP TABLE new_orders AS
        SELECT pg_temp.id_at(x.at) AS new_id, x.at, x.n, c.id AS owner, c.path FROM (
            SELECT n, now() - interval '1 day' - (%s - n) * (interval '300 days' / %s) AS at
            FROM generate_series(%s::bigint, %s::bigint) AS n
        ) x JOIN (
            SELECT id, path, row_number() OVER (ORDER BY id) - 1 AS k, count(*) OVER () AS of
            FROM organizations WHERE tenant_id = %s AND kind = 'customer'
        ) c ON c.k = x.n %% c.of""",
        (of, of, first, first + count - 1, tenant_id),
    )
    connection.execute(
        """CREATE TEMP TABLE new_lines AS
        SELECT pg_temp.id_at(o.at) AS new_id, o.new_id AS new_order, o.n, o.owner, o.path, l.id AS old_line
        FROM new_orders o CROSS JOIN order_lines l WHERE l.order_id = %s""",
        (sample,),
    )
    owner = {"owner_id": "n.owner", "owner_path": "n.path"}
    moments = {"created_at": "n.at", "submitted_at": "n.at", "completed_at": "n.at", "expires_at": "NULL"}
    header = owner | moments | {"id": "n.new_id", "status": "'completed'"}
    header |= {"serial": "n.n", "number": "'ST' || n.n", "po_number": "'PO-' || n.n"}
    line = owner | {
        "order_id": "n.new_order",
        "id": "n.new_id",
        "status": "'completed'",
        "waiting_for": "NULL",
    }
    price = {"order_id": "n.new_order", "line_id": "n.new_id"}
    event = owner | {"id": "pg_temp.id_at(n.at)", "subject_id": "n.new_id", "at": "n.at"}
    for table, new, source, where in (
        ("orders", header, "new_orders n", "t.id = %s"),
        ("order_lines", line, "new_lines n", "t.order_id = %s AND t.id = n.old_line"),
        ("order_line_prices", price, "new_lines n", "t.order_id = %s AND t.line_id = n.old_line"),
        ("events", event, "new_orders n", "t.subject_id = %s"),
    ):
        names = columns[table]
        values = ", ".join(new.get(name, f"t.{name}") for name in names)
        connection.execute(
            f"INSERT INTO {table} ({', '.join(names)}) SELECT {values} FROM {source} CROSS JOIN {table} t"
            f" WHERE {where} ORDER BY n.n",
            (sample,),
        )
