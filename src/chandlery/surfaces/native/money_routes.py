"""The part of the table that is about money: charges, taxes, invoices, payments, and the papers that go with them."""

from __future__ import annotations

from chandlery.billing.document import ALLOWED, MAX_BYTES
from chandlery.identity import permissions as p
from chandlery.surfaces.native import documents, invoices, order_charges, payments, tax_rules
from chandlery.surfaces.native.dialect import PageBody, PageQuery
from chandlery.surfaces.native.entry import entry as _to
from chandlery.surfaces.native.orders import OrderBody

_ORDER_TOO = "Where an order is named, `orders:read` is needed too."
_PAYEE = "For whoever receives the payment."
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

_INVOICES = (
    _to("GET", "/v1/invoices", invoices.list_invoices, p.INVOICES_READ,
        "Invoices and credit notes that you issued or received, newest first",
        query=invoices.InvoiceQuery, reply=PageBody[invoices.InvoiceBody]),
    _to("POST", "/v1/invoices", invoices.add_invoice, p.INVOICES_WRITE,
        "Invoice what you sell in an order and is fulfilled", status=201, dry_run=True, description=_ORDER_TOO,
        body=invoices.NewInvoice, reply=invoices.InvoiceBody),
    _to("GET", "/v1/invoices/{invoice_id}", invoices.get_invoice, p.INVOICES_READ, "An invoice or credit note",
        reply=invoices.InvoiceBody),
    _to("DELETE", "/v1/invoices/{invoice_id}", invoices.delete_invoice, p.INVOICES_WRITE,
        "Throw the draft of an invoice away", status=204),
    _to("POST", "/v1/invoices/{invoice_id}/post", invoices.post_invoice, p.INVOICES_WRITE,
        "Post a draft: it gets its number, and stays as it is", dry_run=True, reply=invoices.InvoiceBody),
    _to("POST", "/v1/invoices/{invoice_id}/credit", invoices.credit_invoice, p.INVOICES_WRITE,
        "Credit an invoice, or lines of it", status=201, dry_run=True,
        description="The credit note is posted. What was paid of it is free to be refunded, or used otherwise.",
        body=invoices.NewCreditNote, reply=invoices.InvoiceBody),
    _to("GET", "/v1/invoicing-policy", invoices.get_invoicing_policy, p.INVOICES_READ, "How you invoice",
        reply=invoices.PolicyBody),
    _to("PUT", "/v1/invoicing-policy", invoices.put_invoicing_policy, p.INVOICES_WRITE, "Say how you invoice",
        body=invoices.PolicyBody, reply=invoices.PolicyBody),
)

_PAYMENTS = (
    _to("GET", "/v1/payment-methods", payments.list_payment_methods, p.PAYMENTS_READ,
        "What an organisation pays with", query=payments.MethodQuery, reply=PageBody[payments.MethodBody]),
    _to("POST", "/v1/payment-methods", payments.add_payment_method, p.PAYMENTS_WRITE, "Add a payment method",
        status=201, body=payments.NewMethod, reply=payments.MethodBody),
    _to("DELETE", "/v1/payment-methods/{payment_method_id}", payments.remove_payment_method, p.PAYMENTS_WRITE,
        "Remove a payment method; payments under way go on", status=204),
    _to("GET", "/v1/payments", payments.list_payments, p.PAYMENTS_READ,
        "Payments that you receive or make, newest first",
        query=payments.PaymentQuery, reply=PageBody[payments.PaymentBody]),
    _to("POST", "/v1/payments", payments.add_payment, p.PAYMENTS_WRITE, "Pay for an order or an invoice", status=202,
        description="Either party may begin it. " + _ORDER_TOO,
        body=payments.NewPayment, reply=payments.PaymentHistory),
    _to("GET", "/v1/payments/{payment_id}", payments.get_payment, p.PAYMENTS_READ, "A payment and its history",
        reply=payments.PaymentHistory),
    _to("POST", "/v1/payments/{payment_id}/capture", payments.capture_payment, p.PAYMENTS_WRITE,
        "Capture an authorised payment, or part of it", status=202, description=_PAYEE,
        body=payments.PaymentMove, reply=payments.PaymentHistory),
    _to("POST", "/v1/payments/{payment_id}/void", payments.void_payment, p.PAYMENTS_WRITE,
        "Give up what is authorised and not captured", status=202, description=_PAYEE,
        reply=payments.PaymentHistory),
    _to("POST", "/v1/payments/{payment_id}/refund", payments.refund_payment, p.PAYMENTS_WRITE,
        "Refund what is captured and on no invoice", status=202, description=_PAYEE,
        body=payments.PaymentMove, reply=payments.PaymentHistory),
    _to("POST", "/v1/payments/{payment_id}/allocations", payments.allocate_payment, p.PAYMENTS_WRITE,
        "Put a payment, or part of it, on an invoice", description=_PAYEE + " Answers the invoice.",
        body=payments.NewAllocation, reply=invoices.InvoiceBody),
    _to("DELETE", "/v1/payments/{payment_id}/allocations/{invoice_id}", payments.take_payment_off, p.PAYMENTS_WRITE,
        "Take a payment off an invoice", description=_PAYEE, reply=invoices.InvoiceBody),
)

_DOCUMENTS = (
    _to("GET", "/v1/documents", documents.list_documents, p.DOCUMENTS_READ,
        "Documents of an organisation, oldest first",
        query=documents.DocumentQuery, reply=PageBody[documents.DocumentBody]),
    _to("POST", "/v1/documents", documents.upload_document, p.DOCUMENTS_WRITE, "Upload a file", status=201,
        description="About an order, else about your organisation. " + _ORDER_TOO, query=documents.UploadQuery,
        body=bytes, accepts=ALLOWED, max_body_bytes=MAX_BYTES, reply=documents.DocumentBody),
    _to("GET", "/v1/documents/{document_id}", documents.get_document, p.DOCUMENTS_READ, "What is known of a document",
        reply=documents.DocumentBody),
    _to("GET", "/v1/documents/{document_id}/content", documents.get_document_content, p.DOCUMENTS_READ,
        "The document itself", reply=bytes, produces="application/octet-stream"),
    _to("DELETE", "/v1/documents/{document_id}", documents.remove_document, p.DOCUMENTS_WRITE,
        "Remove an upload; papers of the books stay", status=204),
    _to("POST", "/v1/documents/{document_id}/link", documents.make_document_link, p.DOCUMENTS_READ,
        "Make a link that opens the document without a token, until it expires", status=201, once=False,
        body=documents.NewLink, reply=documents.LinkBody),
    _to("GET", "/documents/{token}", documents.open_document, None, "Open a document by its link", public=True,
        tags=("documents",), reply=bytes, produces="application/octet-stream"),
)
# fmt: on

ROUTES = (*_CHARGES, *_INVOICES, *_PAYMENTS, *_DOCUMENTS)
