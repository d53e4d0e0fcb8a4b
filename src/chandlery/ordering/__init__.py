"""What someone has asked to buy, from first draft to last line delivered.

Orders, lines, their state machines and their history.

    order.py, line.py     nouns: the order and its rules, the line and its prices
    status.py             both state machines, as tables; how an order's status follows from its lines
    drafts.py             opening, filling, changing, deleting and expiring drafts; header.py, copying.py
    offered.py            from what is asked for to lines at their prices: where an order meets the catalogue
    checkout.py           placing an order; as a dry run, its preview
    approval.py           nouns: who decides before it is placed; approval_rules.py, approving.py
    terms.py              what binds an order: custom fields (custom_field.py, custom_fields.py), rules, limits
    cancellation.py       calling it off as long as no vendor has it
    progress.py           how far a line has come, as fulfilment reports it
    queries.py            reads: one order, lists (filters.py), what happened (history.py)
    note.py, notes.py     what people write down beside an order
    attributes.py         open attributes: what integrators attach for themselves
    events.py             what is told to histories, webhooks and stories
"""
