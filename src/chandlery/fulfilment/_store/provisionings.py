"""Provisionings in the database."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from psycopg.types.json import Jsonb

from chandlery.engine.statements import Query, Row, Write, many, maybe, one
from chandlery.fulfilment.errors import ProvisioningUnknown
from chandlery.fulfilment.provisioning import Provisioning, State
from chandlery.kernel.ids import LineId, OrderId, OrganizationId, ProvisioningId, TenantId
from chandlery.kernel.page import Page, PageRequest, page_of

_COLUMNS = """id, owner_id, order_id, line_id, provider, action, state, attempts, queries, sent_at, next_at,
    vendor_reference, reason, answer, created_at, facts, note"""
_NEEDS_OPERATOR = "(state IN ('refused', 'failed') OR (state IN ('unknown', 'accepted') AND next_at IS NULL))"


def _select(rest: str) -> str:
    return "SELECT " + _COLUMNS + " " + rest  # sql: constants of this file


def of_order(order_id: OrderId) -> Query[dict[LineId, Provisioning]]:
    return Query(
        _select("FROM provisionings WHERE order_id = %s ORDER BY line_id FOR NO KEY UPDATE"),
        (order_id,),
        lambda rows: {found.line_id: found for found in map(_read, rows)},
    )


def by_id(provisioning_id: ProvisioningId) -> Query[Provisioning]:
    return one(
        _select("FROM provisionings WHERE id = %s FOR NO KEY UPDATE"),
        (provisioning_id,),
        _read,
        ProvisioningUnknown,
    )


def by_line(order_id: OrderId, line_id: LineId) -> Query[Provisioning]:
    return one(
        _select("FROM provisionings WHERE order_id = %s AND line_id = %s"),
        (order_id, line_id),
        _read,
        ProvisioningUnknown,
    )


@dataclass(frozen=True, slots=True)
class WaitingFilter:
    """What is None is not filtered by."""

    owner_id: OrganizationId | None = None
    provider: str | None = None
    states: tuple[State, ...] = ()
    needs_operator: bool = False


def waiting(wanted: WaitingFilter, page: PageRequest) -> Query[Page[Provisioning]]:
    conditions = ["tenant_id = scope_tenant()", "state <> 'done'"]
    params: list[object] = []
    if wanted.owner_id is not None:
        conditions.append("owner_id = %s")
        params.append(wanted.owner_id)
    if wanted.provider is not None:
        conditions.append("provider = %s")
        params.append(wanted.provider)
    if wanted.states:
        conditions.append("state = ANY (%s::text[])")
        params.append([state.value for state in wanted.states])
    if wanted.needs_operator:
        conditions.append(_NEEDS_OPERATOR)
    if page.after is not None:
        conditions.append("(created_at, id) > (%s, %s)")
        params.extend(page.after)
    matching = " AND ".join(conditions)  # sql: fixed texts, all values are parameters
    rest = "FROM provisionings WHERE " + matching + " ORDER BY created_at, id LIMIT %s"  # sql: the same
    found = many(
        _select(rest),
        (*params, page.limit + 1),
        _read,
    )

    def read(rows: Sequence[Row]) -> Page[Provisioning]:
        return page_of(found.read(rows), page.limit, lambda p: (p.created_at, p.id))

    return Query(found.sql, found.params, read)


def tenant_of(provider: str, reference: UUID) -> Query[UUID | None]:
    return maybe(
        "SELECT t FROM tenant_of_provisioning(%s, %s) AS t WHERE t IS NOT NULL",
        (provider, reference),
        lambda row: UUID(str(row[0])),
    )


def overdue(now: datetime, late: timedelta, limit: int) -> Query[list[tuple[TenantId, OrderId]]]:
    return many(
        "SELECT tenant_id, order_id FROM overdue_provisionings(%s, %s, %s)",
        (now, late, limit),
        lambda row: (TenantId(row[0]), OrderId(row[1])),
    )


def insert(new: Provisioning) -> Write:
    return Write(
        """INSERT INTO provisionings (id, tenant_id, owner_id, owner_path, order_id, line_id, provider, action, state,
               attempts, sent_at, next_at, reason, created_at)
           SELECT %s, o.tenant_id, o.id, o.path, %s, %s, %s, %s, %s, %s, %s, %s::timestamptz, %s, %s
           FROM organizations o WHERE o.id = %s""",
        (
            new.id,
            new.order_id,
            new.line_id,
            new.provider,
            new.action,
            new.state.value,
            new.attempts,
            new.sent_at,
            new.next_at,
            new.reason,
            new.created_at,
            new.owner_id,
        ),
    )


def update(changed: Provisioning) -> Write:
    return Write(
        """UPDATE provisionings SET state = %s, attempts = %s, queries = %s, sent_at = %s, next_at = %s,
               vendor_reference = %s, reason = %s, answer = %s, facts = %s, note = %s
           WHERE id = %s""",
        (
            changed.state.value,
            changed.attempts,
            changed.queries,
            changed.sent_at,
            changed.next_at,
            changed.vendor_reference,
            changed.reason,
            None if changed.answer is None else Jsonb(changed.answer),
            Jsonb(changed.facts),
            changed.note,
            changed.id,
        ),
    )


def _read(row: Row) -> Provisioning:
    return Provisioning(
        ProvisioningId(row[0]),
        OrganizationId(row[1]),
        OrderId(row[2]),
        LineId(row[3]),
        row[4],
        row[5],
        State(row[6]),
        *row[7:],
    )
