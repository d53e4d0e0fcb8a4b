"""What can be bought, by whom, and for how much.

Vendors, products, SKUs, plans, price sheets and the price waterfall.
"""
