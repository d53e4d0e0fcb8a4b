"""What can be bought, by whom, and for how much.

Vendors, products, SKUs, plans, price sheets and the price waterfall.

    plan.py, listing.py     nouns: the plan and what stands above it
    price.py                nouns: list prices, price rules, and how one step of the waterfall comes about
    offer.py, offers.py     what a customer is offered: plan, quote per step; one statement answers for many lines
    rules.py, explain.py    setting price rules; how a figure came about
    browsing.py             reads: vendors, products, plans, the operator's price list
    editing.py              characteristics, add-ons, who fulfils a plan, retiring it
    stock.py, stocking.py   pieces on shelves: the noun; counting, taking and giving back
    sheets/, importing.py   vendors' price sheets: reading a format, and landing it
"""
