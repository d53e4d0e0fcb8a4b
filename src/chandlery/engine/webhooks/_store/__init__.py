"""Webhooks in SQL: endpoints, the log of deliveries, and the dispatcher's bookkeeping."""
