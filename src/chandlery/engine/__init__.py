"""The machinery below: storage, transactions, events and durable work.

Knows no word of commerce.
"""
