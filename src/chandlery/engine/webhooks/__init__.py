"""Telling others what happened: signed HTTP calls as Standard Webhooks describes them.

    endpoint.py     an endpoint: where to, which events, and whether it is still called
    delivery.py     one event for one endpoint: its attempts, and when the next one is
    signing.py      secrets and signatures
    endpoints.py    registering, changing, rotating, deleting; and looking them up
    redelivery.py   the log of deliveries, and sending again
    dispatch.py     turning events into deliveries and carrying them out; runs in the worker

A delivery may arrive twice, with the same `webhook-id`. Of one subject, a later event is not sent before an earlier one
is through or given up. docs/decisions/0004 says why deliveries come from the stream and not from a trigger.
"""
