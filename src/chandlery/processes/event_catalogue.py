"""Everything that can happen, from all rooms: what `GET /v1/event-types` shows and filters are checked against.

A room declares the types that it emits, with the shape of their data, in its `EVENT_TYPES`.
"""

from __future__ import annotations

from typing import Final

from chandlery.billing import events as billing
from chandlery.catalog import events as catalog
from chandlery.engine import mail
from chandlery.engine.batches import carrying as bulk
from chandlery.engine.event_stream.catalogue import EventCatalogue
from chandlery.engine.webhooks import events as webhooks
from chandlery.fulfilment import events as fulfilment
from chandlery.identity import events as identity
from chandlery.ordering import event_types as ordering
from chandlery.parties import events as parties
from chandlery.subscriptions import events as subscriptions

CATALOGUE: Final = EventCatalogue(
    event_type
    for room in (
        identity,
        parties,
        catalog,
        ordering,
        subscriptions,
        billing,
        fulfilment,
        mail,
        webhooks,
        bulk,
    )
    for event_type in room.EVENT_TYPES
)
