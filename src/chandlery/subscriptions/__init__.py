"""What someone keeps, for how long, and at which quantity.

Subscriptions come out of fulfilled order lines.
"""
