"""One order in the database.

An order is read whole, with its lines and the prices that the reader may see, in one statement: of one moment. It is
saved whole as well, the header with the lines that changed; prices go through `set_line_prices`, because nobody may
read all the steps that have to be written.
"""

# ruff: noqa: S608 - columns and conditions are written here; every value is a parameter

from __future__ import annotations

from collections.abc import Sequence

import msgspec
from psycopg.types.json import Jsonb

from chandlery.engine.statements import Query, Row, Write, one, scalar
from chandlery.kernel.ids import LineId, OrderId
from chandlery.ordering.approval import Approval
from chandlery.ordering.errors import OrderUnknown
from chandlery.ordering.line import Line
from chandlery.ordering.order import Order
from chandlery.ordering.status import OrderStatus

_LINES = """(
    SELECT json_agg(x ORDER BY x.position)::text FROM (
        SELECT l.id, l.order_id, l.position, l.plan_id, l.plan_code, l.sku_code, l.name, l.provider, l.quantity,
            l.unit, l.term, l.billing_cycle, l.charge, l.action, l.characteristics, l.status, l.reason, l.waiting_for,
            l.due, l.subscription_id, l.supplier_id, l.custom_fields,
            (SELECT coalesce(json_agg(y ORDER BY y.step), '[]') FROM (
                SELECT p.step, p.issuer_id, p.recipient_id, p.rate::text AS rate, p.amount_minor, p.currency
                FROM order_line_prices p WHERE p.order_id = l.order_id AND p.line_id = l.id
            ) y) AS prices
        FROM order_lines l WHERE l.order_id = o.id
    ) x
)"""
ORDER = f"""o.id, o.number, o.serial, o.owner_id, o.seller_id, o.placed_by, o.currency, o.created_at, o.status,
    o.po_number, o.attributes, o.expires_at, o.submitted_at, o.completed_at, o.version, o.custom_fields, o.approval,
    o.channel_id,
    {_LINES}"""  # sql: constants alone
_decode_lines = msgspec.json.Decoder(tuple[Line, ...]).decode


def decode(row: Row) -> Order:
    values = list(row)
    values[8] = OrderStatus(row[8])
    values[-3] = None if row[-3] is None else msgspec.convert(row[-3], Approval)
    values[-1] = _decode_lines(row[-1]) if row[-1] else ()
    return Order(*values)


def order_query(order_id: OrderId) -> Query[Order]:
    sql = f"SELECT {ORDER} FROM orders o WHERE o.id = %s"  # sql: constants alone
    return one(sql, (order_id,), decode, OrderUnknown)


def lock_order(order_id: OrderId) -> Query[OrderId]:
    """Waits for whoever is changing the order; what is read behind it, in a statement of its own, is current."""
    return one("SELECT id FROM orders WHERE id = %s FOR NO KEY UPDATE", (order_id,), scalar, OrderUnknown)


def next_serial() -> Query[int]:
    return Query("SELECT nextval('order_serials')", (), lambda rows: int(rows[0][0]))


_INSERT_LINES = """INSERT INTO order_lines AS own (order_id, id, tenant_id, owner_id, owner_path, supplier_id, position,
        action, plan_id, plan_code, sku_code, name, provider, quantity, unit, term, billing_cycle, charge,
        characteristics, status, reason, waiting_for, due, subscription_id, custom_fields)
    SELECT o.id, l.id, o.tenant_id, o.owner_id, o.owner_path, l.supplier_id, l.position, l.action, l.plan_id,
        l.plan_code, l.sku_code, l.name, l.provider, l.quantity, l.unit, l.term, l.billing_cycle, l.charge,
        l.characteristics, l.status, l.reason, l.waiting_for, l.due, l.subscription_id,
        l.custom_fields
    FROM o CROSS JOIN jsonb_to_recordset(%s) AS l(id uuid, supplier_id uuid, position integer, action text,
        plan_id uuid, plan_code text, sku_code text, name text, provider text, quantity bigint, unit text, term text,
        billing_cycle text, charge text, characteristics jsonb, status text, reason text, waiting_for text,
        due timestamptz, subscription_id uuid, custom_fields jsonb)"""


def insert_order(order: Order) -> Write:
    """A new draft and its lines. Path and tenant are read off the customer's own row."""
    return Write(
        f"""WITH o AS (
    INSERT INTO orders (id, tenant_id, serial, number, status, owner_id, owner_path, seller_id, placed_by, currency,
        po_number, attributes, expires_at, created_at, version, custom_fields, channel_id)
    SELECT %s, c.tenant_id, %s, %s, %s, c.id, c.path, c.parent_id, %s, %s, %s::text, %s, %s::timestamptz, %s, %s, %s,
        %s::uuid
    FROM organizations c WHERE c.id = %s
    RETURNING id, tenant_id, owner_id, owner_path
) {_INSERT_LINES}""",  # sql: constants alone
        (
            order.id,
            order.serial,
            order.number,
            order.status.value,
            order.placed_by,
            order.currency,
            order.po_number,
            Jsonb(order.attributes),
            order.expires_at,
            order.created_at,
            order.version,
            Jsonb(order.custom_fields),
            order.channel_id,
            order.customer_id,
            Jsonb(order.lines),
        ),
    )


def save_order(order: Order, lines: Sequence[Line] = ()) -> Write:
    """The header as it is now, and those lines of it that are new or have changed."""
    return Write(
        f"""WITH o AS (
    UPDATE orders SET status = %s, po_number = %s::text, attributes = %s, expires_at = %s::timestamptz,
        submitted_at = %s::timestamptz, completed_at = %s::timestamptz, version = %s, custom_fields = %s,
        approval = %s::jsonb
    WHERE id = %s RETURNING id, tenant_id, owner_id, owner_path
) {_INSERT_LINES}
    ON CONFLICT (order_id, id) DO UPDATE SET supplier_id = EXCLUDED.supplier_id, quantity = EXCLUDED.quantity,
        characteristics = EXCLUDED.characteristics, status = EXCLUDED.status, reason = EXCLUDED.reason,
        waiting_for = EXCLUDED.waiting_for, due = EXCLUDED.due,
        subscription_id = EXCLUDED.subscription_id, custom_fields = EXCLUDED.custom_fields""",  # sql: constants alone
        (
            order.status.value,
            order.po_number,
            Jsonb(order.attributes),
            order.expires_at,
            order.submitted_at,
            order.completed_at,
            order.version,
            Jsonb(order.custom_fields),
            None if order.approval is None else Jsonb(order.approval),
            order.id,
            Jsonb(lines),
        ),
    )


def set_prices(order_id: OrderId, lines: Sequence[Line]) -> Write:
    """Every step of the prices of these lines, also of those that the actor cannot read."""
    return Write("SELECT set_line_prices(%s, %s)", (order_id, Jsonb(lines)))


def delete_line(order_id: OrderId, line_id: LineId) -> Write:
    return Write("DELETE FROM order_lines WHERE order_id = %s AND id = %s", (order_id, line_id))


def delete_drafts(order_ids: Sequence[OrderId]) -> Write:
    """With their lines and prices; a trigger refuses what was ever placed."""
    return Write("DELETE FROM orders WHERE id = ANY (%s::uuid[])", (list(order_ids),))
