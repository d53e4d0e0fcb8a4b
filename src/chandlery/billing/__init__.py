"""What is owed, by whom, and the paper that says so.

Charges, invoices, credit and payments.

    limit.py, limits.py    CreditLimit and Claim: who may owe whom how much; setting, changing and reading limits
    credit.py              what an order does to credit: claim, take, give back, settle
    charge.py, tax.py, terms.py  nouns: what comes on top of an order, tax rules, and both as they hold between two
    assessment.py                what lines come to with that, each part rounded once; charges.py, tax_rules.py: verbs
    invoice.py, drawing_up.py    the invoice and its credit notes; from what is due to a draft. invoices.py: verbs
    policy.py, policies.py       how an organisation invoices
    payment.py, payment_*.py     payments, what is asked of processors, methods; payments.py, allocating.py: verbs
    processors.py, sandbox_*.py  the port to payment processors, and one in miniature
    document.py, documents.py    Document (a paper and its bytes), uploads, signed links
    paper.py, typesetting.py     what a paper says in exact figures; invoice_paper.py; to PDF, with typst/paper.typ
    figures.py                   amounts and dates as people read them
"""
