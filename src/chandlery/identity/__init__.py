"""Who may act, for whom, and how they prove it.

Organisations, users, memberships, roles, permissions, API clients, tokens, signing keys and sales channels.
"""
