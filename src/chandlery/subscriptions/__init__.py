"""What someone keeps, for how long, and at which quantity.

subscription   the noun, and when its term ends
activation     a fulfilled line becomes a subscription, once
changes        a fulfilled line changes one
queries        get and find
asset, assets  what was bought once and is owned: the noun, and its use cases
"""
