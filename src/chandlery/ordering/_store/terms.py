"""What binds an order, as `order_terms` answers it: the one statement that looks above the reader."""

from __future__ import annotations

from typing import Any

import msgspec

from chandlery.engine.statements import Query, Row, one
from chandlery.kernel.ids import OrderId, OrganizationId
from chandlery.ordering.approval import ApprovalRule
from chandlery.ordering.custom_field import CustomField, CustomFields
from chandlery.ordering.errors import OrderUnknown
from chandlery.ordering.terms import Terms

_OF_CUSTOMER = "SELECT o.name, o.status, order_terms(o.path) FROM organizations o WHERE o.id = %s"
_OF_ORDER = """SELECT o.name, o.status, order_terms(o.path) FROM orders x JOIN organizations o ON o.id = x.owner_id
    WHERE x.id = %s"""


class _Found(msgspec.Struct):
    fields: tuple[CustomField, ...]
    rules: tuple[ApprovalRule, ...]
    limited: bool


def terms_of(customer_id: OrganizationId) -> Query[Terms]:
    return one(_OF_CUSTOMER, (customer_id,), _terms, OrderUnknown)


def terms_of_order(order_id: OrderId) -> Query[Terms]:
    return one(_OF_ORDER, (order_id,), _terms, OrderUnknown)


def _terms(row: Row) -> Terms:
    name, status, found = row
    return Terms(name, status == "active", *_decoded(found))


def _decoded(found: Any) -> tuple[CustomFields, tuple[ApprovalRule, ...], bool]:
    if found is None:
        return CustomFields(), (), False
    terms = msgspec.convert(found, _Found)
    return CustomFields(terms.fields), terms.rules, terms.limited
