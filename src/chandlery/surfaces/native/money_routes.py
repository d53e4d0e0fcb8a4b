"""The part of the table that is about money: charges, taxes, invoices, payments, and the papers that go with them."""

from __future__ import annotations

from chandlery.identity import permissions as p
from chandlery.surfaces.native import order_charges, tax_rules
from chandlery.surfaces.native.dialect import PageBody, PageQuery
from chandlery.surfaces.native.orders import OrderBody
from chandlery.surfaces.native.table import to as _to

_DRAFT_ONLY = "Refused unless the order is a draft that has not expired."

# fmt: off
_CHARGES = (
    _to("GET", "/v1/orders/{order_id}/charges", order_charges.list_charges, p.ORDERS_READ,
        "Charges and discounts on an order: yours, and those you are to pay", reply=order_charges.ChargesBody),
    _to("POST", "/v1/orders/{order_id}/charges", order_charges.add_charge, p.ORDERS_WRITE,
        "Put a charge or a discount on a draft", status=201, dry_run=True, description=_DRAFT_ONLY,
        body=order_charges.NewCharge, reply=OrderBody),
    _to("DELETE", "/v1/orders/{order_id}/charges/{charge_id}", order_charges.remove_charge, p.ORDERS_WRITE,
        "Take a charge of yours off a draft", description=_DRAFT_ONLY, reply=OrderBody),

    _to("GET", "/v1/tax-rules", tax_rules.list_tax_rules, p.TAXES_READ, "Your tax rules, oldest first",
        query=PageQuery, reply=PageBody[tax_rules.TaxRuleBody]),
    _to("POST", "/v1/tax-rules", tax_rules.set_tax_rule, p.TAXES_WRITE, "Set a tax rule for what you sell", status=201,
        body=tax_rules.NewTaxRule, reply=tax_rules.TaxRuleBody),
    _to("DELETE", "/v1/tax-rules/{tax_rule_id}", tax_rules.end_tax_rule, p.TAXES_WRITE,
        "End a tax rule now; orders placed keep their taxes", reply=tax_rules.TaxRuleBody),
    _to("PUT", "/v1/products/{product_id}/tax-class", tax_rules.put_tax_class, p.CATALOG_WRITE,
        "Say by which class a product is taxed", body=tax_rules.TaxClassBody, reply=tax_rules.TaxClassBody),
)
# fmt: on

ROUTES = _CHARGES
