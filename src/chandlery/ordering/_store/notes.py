"""Notes: added and read, never changed; the database lets nobody."""

from __future__ import annotations

from chandlery.engine.statements import Query, Write, many, one, scalar
from chandlery.kernel.ids import OrderId
from chandlery.kernel.page import PageRequest
from chandlery.ordering.errors import OrderUnknown
from chandlery.ordering.note import Note

_OF_ORDER = """SELECT id, order_id, line_id, organization_id, principal, visibility, body, created_at FROM order_notes
    WHERE tenant_id = scope_tenant() AND order_id = %(order)s
        AND (%(at)s::timestamptz IS NULL OR (created_at, id) > (%(at)s::timestamptz, %(id)s::uuid))
    ORDER BY created_at, id LIMIT %(limit)s"""


def order_there(order_id: OrderId) -> Query[OrderId]:
    return one("SELECT id FROM orders WHERE id = %s", (order_id,), scalar, OrderUnknown)


def notes_of(order_id: OrderId, page: PageRequest) -> Query[list[Note]]:
    at, after = page.after or (None, None)
    params = {"order": order_id, "at": at, "id": after, "limit": page.limit + 1}
    return many(_OF_ORDER, params, lambda row: Note(*row))


def add_note(note: Note) -> Write:
    return Write(
        "INSERT INTO order_notes (id, tenant_id, order_id, line_id, owner_id, owner_path, organization_id, principal,"
        " visibility, body, created_at) SELECT %s, o.tenant_id, o.id, %s::uuid, o.owner_id, o.owner_path, %s, %s::text,"
        " %s::text, %s::text, %s FROM orders o WHERE o.id = %s",
        (
            note.id, note.line_id, note.organization_id, note.author, note.visibility, note.text, note.created_at,
            note.order_id,
        ),
    )  # fmt: skip
