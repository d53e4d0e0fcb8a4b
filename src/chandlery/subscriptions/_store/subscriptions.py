"""Subscriptions in the database."""

from __future__ import annotations

from collections.abc import Sequence

from chandlery.engine.statements import Query, Row, Write, many, maybe, one, refusals
from chandlery.kernel.ids import LineId, OrganizationId, SubscriptionId
from chandlery.kernel.page import Page, PageRequest, page_of
from chandlery.subscriptions.errors import LineActivatedMeanwhile, SubscriptionUnknown
from chandlery.subscriptions.subscription import Status, Subscription

_COLUMNS = """id, owner_id, order_id, line_id, plan_id, plan_code, name, quantity, term, billing_cycle, provider,
    vendor_reference, status, auto_renew, started_at, term_ends_at, created_at, version"""


def _select(rest: str) -> str:
    return "SELECT " + _COLUMNS + " " + rest  # sql: constants of this file


def insert(new: Subscription) -> Write:
    return Write(
        """INSERT INTO subscriptions (id, tenant_id, owner_id, owner_path, order_id, line_id, plan_id, plan_code, name,
               quantity, term, billing_cycle, provider, vendor_reference, status, auto_renew, started_at, term_ends_at,
               created_at)
           SELECT %s, o.tenant_id, o.id, o.path, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s
           FROM organizations o WHERE o.id = %s""",
        (
            new.id,
            new.order_id,
            new.line_id,
            new.plan_id,
            new.plan_code,
            new.name,
            new.quantity,
            new.term,
            new.billing_cycle,
            new.provider,
            new.vendor_reference,
            new.status.value,
            new.auto_renew,
            new.started_at,
            new.term_ends_at,
            new.created_at,
            new.customer_id,
        ),
        refusals(subscriptions_line=LineActivatedMeanwhile),
    )


def update(changed: Subscription) -> Write:
    return Write(
        "UPDATE subscriptions SET quantity = %s, status = %s, version = %s WHERE id = %s",
        (changed.quantity, changed.status.value, changed.version, changed.id),
    )


def by_id(subscription_id: SubscriptionId, lock: bool = False) -> Query[Subscription]:
    return one(
        _select(
            "FROM subscriptions WHERE id = %s FOR NO KEY UPDATE"
            if lock
            else "FROM subscriptions WHERE id = %s"
        ),
        (subscription_id,),
        _read,
        SubscriptionUnknown,
    )


def by_line(line_id: LineId) -> Query[Subscription | None]:
    return maybe(_select("FROM subscriptions WHERE line_id = %s"), (line_id,), _read)


def find(
    customer_id: OrganizationId | None, status: str | None, page: PageRequest
) -> Query[Page[Subscription]]:
    conditions = ["tenant_id = scope_tenant()"]
    params: list[object] = []
    for condition, value in (("owner_id = %s", customer_id), ("status = %s::text", status)):
        if value is not None:
            conditions.append(condition)
            params.append(value)
    if page.after is not None:
        conditions.append("(created_at, id) > (%s, %s)")
        params.extend(page.after)
    matching = " AND ".join(conditions)  # sql: fixed texts, all values are parameters
    rest = "FROM subscriptions WHERE " + matching + " ORDER BY created_at, id LIMIT %s"  # sql: the same
    found = many(
        _select(rest),
        (*params, page.limit + 1),
        _read,
    )

    def read(rows: Sequence[Row]) -> Page[Subscription]:
        return page_of(found.read(rows), page.limit, lambda s: (s.created_at, s.id))

    return Query(found.sql, found.params, read)


def _read(row: Row) -> Subscription:
    return Subscription(*(*row[:12], Status(row[12]), *row[13:]))
