"""The few words every room uses, and nothing that touches the world.

Ids, money, clock, actor, errors, pages, events and short texts.
"""
