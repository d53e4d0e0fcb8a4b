"""What happened, as a stream that others can follow without missing anything.

    filters.py     which types of events somebody wants: `order.submitted`, `order.*`, `*`
    stored.py      an event as it was stored, its place in the stream, and its one form on our wires
    reading.py     the next events after a place
    following.py   waiting for them: long poll, and a stream without end
    catalogue.py   which types there are and what their data looks like, as JSON Schemas

The stream is ordered by transaction, not by time: a reader gets only what is older than every transaction that still
runs, so that a late commit cannot land behind a place that was already passed.
"""
