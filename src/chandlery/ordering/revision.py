"""Something that counts with an order was changed elsewhere: its version moves on, so that nobody places it unseen."""

from __future__ import annotations

from chandlery.engine.unit_of_work import Unit
from chandlery.ordering._store import orders as store
from chandlery.ordering.order import Order


def revise(unit: Unit, order: Order) -> Order:
    """The next version of an order that this unit has locked, otherwise as it was."""
    revised = order.headed(order.po_number, order.attributes, order.custom_fields)
    unit.write(store.save_order(revised))
    return revised
