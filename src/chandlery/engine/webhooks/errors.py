"""What webhooks may refuse."""

from __future__ import annotations

from chandlery.kernel.errors import Conflict, Invalid, NotFound


class EndpointUnknown(NotFound):
    """There is no such webhook endpoint; list the endpoints to find its id."""


class DeliveryUnknown(NotFound):
    """This endpoint was never to get this event; look the event up in the event stream."""


class EndpointRefused(Invalid):
    """This webhook endpoint cannot be stored as given; see the problems listed."""


class TooManyEndpoints(Conflict):
    """This organisation has as many webhook endpoints as it may have; delete one it no longer needs."""


class EndpointOwnerUnknown(NotFound):
    """There is no such organisation; check its id."""


class EndpointIsDisabled(Conflict):
    """This webhook endpoint is disabled; enable it, then send again."""


class RangeUnusable(Invalid):
    """These deliveries cannot be sent again as asked; see the problems listed."""
