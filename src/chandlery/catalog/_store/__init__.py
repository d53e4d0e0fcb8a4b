"""The catalogue's cupboard: every statement of this room, by matter."""

from __future__ import annotations

from chandlery.catalog._store.quoting import offers_query

__all__ = ["offers_query"]
