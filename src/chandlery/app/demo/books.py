"""The books of the demo world: who everybody is, how customers pay, and an invoice with its paper for each order.

The reseller invoices its customers and is invoiced by the distributor: two papers for each order.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeAlias

from chandlery.billing.payment_methods import AddMethod, PaymentMethod, add_method
from chandlery.billing.policies import Policy, PutPolicy, put_policy
from chandlery.billing.processors import MANUAL
from chandlery.billing.sandbox_processor import NAME as SANDBOX
from chandlery.identity.organizations import Organization
from chandlery.kernel.actor import Actor
from chandlery.kernel.ids import OrganizationId
from chandlery.ordering.order import Order
from chandlery.parties.addresses import AddAddress, Postal, add_address
from chandlery.parties.companies import (
    CompanyFacts,
    Letterhead,
    PutCompany,
    PutLetterhead,
    put_company,
    put_letterhead,
)
from chandlery.processes.invoice_orders import InvoiceOrder, invoice_order
from chandlery.processes.pay import Pay, pay

Do: TypeAlias = Callable[[Any, Any, Actor], Awaitable[Any]]
"""Carries out a use case."""


@dataclass(frozen=True, slots=True)
class _Identity:
    """What registers and letters say of an organisation."""

    company: CompanyFacts
    postal: Postal
    letterhead: Letterhead = field(default_factory=Letterhead)


_WHO: Mapping[str, _Identity] = {
    "Harbour Distribution": _Identity(
        CompanyFacts(
            "Harbour Distribution Inc.", country="US", registration_number="5512907", registration_office="Delaware",
            email="accounts@harbour.example", website="https://harbour.example",
        ),
        Postal(("1 Wharf Road",), "Portland", "US", "97209", "OR"),
        Letterhead("Harbour Distribution", "#1f5f8b", language="en", footer="Harbour Distribution Inc."),
    ),
    "Quayside Cloud": _Identity(
        CompanyFacts(
            "Quayside Cloud LLC", country="US", registration_number="8830041", registration_office="Delaware",
            email="billing@quayside.example", website="https://quayside.example",
        ),
        Postal(("22 Quay Street", "Suite 4"), "Seattle", "US", "98101", "WA"),
        Letterhead("Quayside Cloud", "#0b6e4f", language="en", footer="Quayside Cloud LLC"),
    ),
    "Lighthouse Bakery": _Identity(
        CompanyFacts("Lighthouse Bakery LLC", country="US", cost_centre="100"),
        Postal(("7 Beacon Lane",), "Astoria", "US", "97103", "OR"),
    ),
    "Breakwater Studio": _Identity(
        CompanyFacts("Breakwater Studio Inc.", country="US"),
        Postal(("310 Jetty Avenue",), "Tacoma", "US", "98402", "WA"),
    ),
}  # fmt: skip
_TERMS = Policy(note="Please pay within 14 days, stating the number of the invoice.")


@dataclass(frozen=True, slots=True)
class Books:
    """How to do it, and for whom to act."""

    do: Do
    acting_for: Callable[[Organization], Actor]

    async def introduce(self, organizations: Sequence[Organization]) -> None:
        """Company data, an address and a letterhead for each."""
        for organization in organizations:
            who, actor, own = _WHO[organization.name], self.acting_for(organization), organization.id
            await self.do(put_company, PutCompany(own, who.company), actor)
            await self.do(add_address, AddAddress(own, who.postal, default_for=("billing",)), actor)
            if who.letterhead.brand:
                await self.do(put_letterhead, PutLetterhead(own, who.letterhead), actor)
                await self.do(put_policy, PutPolicy(_TERMS), actor)

    async def settle(
        self, orders: Sequence[Order], sellers: Sequence[Organization], customers: Sequence[Organization]
    ) -> None:
        """Invoice fulfilled orders on every tier, and let their customers pay; jobs do the rest."""
        methods = {customer.id: await self._methods(customer) for customer in customers}
        for number, order in enumerate(orders):
            for seller in sellers:
                await self.do(invoice_order, InvoiceOrder(order.id), self.acting_for(seller))
            card, transfer = methods[OrganizationId(order.customer_id)]
            by_hand = number == 1  # one of them came by bank transfer, and was seen on the statement
            method = transfer if by_hand else card
            await self.do(pay, Pay(method.id, order_id=order.id), self.acting_for(sellers[-1]))

    async def _methods(self, customer: Organization) -> tuple[PaymentMethod, PaymentMethod]:
        actor = self.acting_for(customer)
        card = AddMethod(customer.id, SANDBOX, "card", "Company card ending 4242", "demo-card")
        transfer = AddMethod(customer.id, MANUAL, "bank_transfer", "Bank transfer")
        return await self.do(add_method, card, actor), await self.do(add_method, transfer, actor)
