"""What is owed, by whom, and the paper that says so.

Charges, invoices, credit and payments.

    limit.py, limits.py    CreditLimit and Claim: who may owe whom how much; setting, changing and reading limits
    credit.py              what an order does to credit: claim, take, give back, settle
    document.py, documents.py    Document (a paper and its bytes), uploads, signed links
    paper.py, typesetting.py     what a paper says in exact figures; from there to PDF, with typst/paper.typ
    figures.py                   amounts and dates as people read them
"""
